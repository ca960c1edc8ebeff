import type { Credential } from '../auth/credential.js'
import type { Recheck } from '../auth/login-pipeline.js'
import type { Principal } from '../auth/principal.js'
import type { Denial } from './authorize.js'
import type { Exchange } from './exchange.js'
import type { Subject } from './extension-points.js'
import type { Reply } from './replies.js'

/** When to judge a login again that could not be judged, in milliseconds. */
const RETRY = 250
/** How often to look for requests whose principals have expired, in milliseconds. */
const EXPIRY_INTERVAL = 250

/** A request that `add` opens and `remove` closes. */
export interface OpenRequest {
  readonly exchange: Exchange
  readonly subject: Subject
  /** Its principal; undefined if it was not admitted, or not yet. */
  credential: Credential | undefined
  principal: Principal | undefined
  /** Why it was ended. */
  reason: string | undefined
  /** Its index among the open requests; -1 if it is not open. */
  place: number
}

export interface OpenRequestsOptions {
  /** `recheck` of LoginPipeline. */
  readonly recheck: (credential: Credential, principal: Principal, client: string) => Promise<Recheck>
  /** Why a request is now forbidden; undefined if it is allowed. */
  readonly denial: (exchange: Exchange, subject: Subject, principal: Principal) => Denial | undefined
  /** The reply to a request whose login is no longer valid, if no response has started. */
  readonly revoked: Reply
}

/**
 * The requests in progress, including tunnels and event streams. Ends them when their login is revoked or expires, or when
 * their principal loses the permission.
 */
export class OpenRequests {
  readonly #options: OpenRequestsOptions
  /**
   * In no order. Not a Set: whenever deleted entries have filled its table, it gets a new one, and the engine keeps the entries of
   * the old table until the next full garbage collection.
   */
  readonly #requests: OpenRequest[] = []
  #expiry: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined

  constructor(options: OpenRequestsOptions) {
    this.#options = options
  }

  /** Watches a request until `remove`. */
  add(request: OpenRequest, credential: Credential, principal: Principal): void {
    request.credential = credential
    request.principal = principal
    request.place = this.#requests.length
    this.#requests.push(request)
    if (principal.expiresAt !== undefined) this.#watchExpiry()
  }

  /** Judges all requests again, because logins, groups or rules may have changed. */
  recheck(): void {
    for (const request of [...this.#requests]) void this.#recheck(request)
  }

  async #recheck(request: OpenRequest): Promise<void> {
    const { exchange, subject, credential, principal } = request
    if (credential === undefined || principal === undefined) return
    const result = await this.#options.recheck(credential, principal, exchange.client.address)
    if (request.place === -1) return
    if (result.is === 'revoked') return this.#end(request, 'revoked', this.#options.revoked)
    if (result.is === 'unknown') this.#recheckLater()
    else if (result.is === 'changed') {
      request.principal = result.principal
      if (result.principal.expiresAt !== undefined) this.#watchExpiry()
    }
    const denial = this.#options.denial(exchange, subject, request.principal ?? principal)
    if (denial) this.#end(request, denial.reason, denial.reply)
  }

  #recheckLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      this.recheck()
    }, RETRY).unref()
  }

  /** One timer for all requests: one for each added a fifth to the cost of a request with a session. */
  #watchExpiry(): void {
    this.#expiry ??= setTimeout(() => {
      this.#expiry = undefined
      const now = Date.now()
      let isNeeded = false
      for (const request of [...this.#requests]) {
        const expiresAt = request.principal?.expiresAt
        if (expiresAt === undefined) continue
        if (expiresAt <= now) this.#end(request, 'expired', this.#options.revoked)
        else isNeeded = true
      }
      if (isNeeded) this.#watchExpiry()
    }, EXPIRY_INTERVAL).unref()
  }

  /** Does nothing if the request is not watched. */
  remove(request: OpenRequest): void {
    const { place } = request
    if (place === -1) return
    request.place = -1
    const last = this.#requests.pop() as OpenRequest
    if (last !== request) {
      this.#requests[place] = last
      last.place = place
    }
  }

  #end(request: OpenRequest, reason: string, reply: Reply): void {
    this.remove(request)
    request.reason = reason
    request.exchange.terminate(reply)
  }
}

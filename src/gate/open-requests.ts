import type { Credential } from '../auth/credential.js'
import type { Recheck } from '../auth/login-pipeline.js'
import type { Principal } from '../auth/principal.js'
import type { Denial } from './authorize.js'
import type { Exchange } from './exchange.js'
import type { Subject } from './extension-points.js'
import type { Reply } from './replies.js'

/** Milliseconds after which a login that could not be judged is judged again. */
const RETRY = 250
/** What a timer can wait at most. */
const MAX_TIMEOUT = 2 ** 31 - 1

/** A request that has been let in. */
export interface OpenRequest {
  readonly exchange: Exchange
  readonly subject: Subject
  readonly credential: Credential
  principal: Principal
}

export interface OpenRequestsOptions {
  /** LoginPipeline's. */
  readonly recheck: (credential: Credential, principal: Principal, client: string) => Promise<Recheck>
  /** What there is against a request now; undefined: nothing. */
  readonly denial: (exchange: Exchange, subject: Subject, principal: Principal) => Denial | undefined
  /** What a request is answered whose login is no longer good, if nothing has been answered yet. */
  readonly revoked: Reply
  /** Called for each request that is ended. */
  readonly onEnd: (request: OpenRequest, reason: string) => void
}

/**
 * The requests in progress, tunnels and event streams among them. They end when their login is revoked or expires, or when
 * their principal may no longer send them.
 */
export class OpenRequests {
  readonly #options: OpenRequestsOptions
  readonly #requests = new Set<OpenRequest>()
  /** Of principals that expire. */
  readonly #timers = new Map<OpenRequest, NodeJS.Timeout>()
  #retry: NodeJS.Timeout | undefined

  constructor(options: OpenRequestsOptions) {
    this.#options = options
  }

  /** Watches a request until it closes. */
  add(request: OpenRequest): void {
    this.#requests.add(request)
    this.#watchExpiry(request)
    request.exchange.onClose(() => this.#remove(request))
  }

  /** Judges all of them again: logins, groups or rules may have changed. */
  recheck(): void {
    for (const request of this.#requests) void this.#recheck(request)
  }

  async #recheck(request: OpenRequest): Promise<void> {
    const { exchange, credential, principal } = request
    const result = await this.#options.recheck(credential, principal, exchange.client.address)
    if (!this.#requests.has(request)) return
    if (result.is === 'revoked') return this.#end(request, 'revoked', this.#options.revoked)
    if (result.is === 'unknown') this.#recheckLater()
    else if (result.is === 'changed') {
      request.principal = result.principal
      this.#watchExpiry(request)
    }
    const denial = this.#options.denial(exchange, request.subject, request.principal)
    if (denial) this.#end(request, denial.reason, denial.reply)
  }

  #recheckLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      this.recheck()
    }, RETRY).unref()
  }

  #watchExpiry(request: OpenRequest): void {
    clearTimeout(this.#timers.get(request))
    this.#timers.delete(request)
    const { expiresAt } = request.principal
    if (expiresAt === undefined) return
    const wait = Math.max(0, Math.min(MAX_TIMEOUT, expiresAt - Date.now()))
    const timer = setTimeout(() => {
      if (expiresAt <= Date.now()) this.#end(request, 'expired', this.#options.revoked)
      else this.#watchExpiry(request)
    }, wait)
    this.#timers.set(request, timer.unref())
  }

  #remove(request: OpenRequest): void {
    this.#requests.delete(request)
    clearTimeout(this.#timers.get(request))
    this.#timers.delete(request)
  }

  #end(request: OpenRequest, reason: string, reply: Reply): void {
    this.#remove(request)
    this.#options.onEnd(request, reason)
    request.exchange.terminate(reply)
  }
}

import { HtgateError } from '../errors.js'
import { type Authorization, parseAuthorization } from './authorization.js'
import type { LoginCounters } from './counters.js'
import { LoginLimiter, type LoginRecord } from './login-limiter.js'
import { LoginPipeline, type LoginVerdict } from './login-pipeline.js'
import { type AuthenticatorOptions, openProviders, type Settings, settingsOf } from './options.js'
import type { Principal } from './principal.js'
import type { Provider } from './provider.js'

/** Why a request is not let in. */
export type Reason =
  /** No `Authorization` header, or one of a scheme that no provider takes. Answer 401. */
  | 'no-credentials'
  /** Two headers, or one that RFC 7617 or RFC 6750 does not allow. Answer 401. */
  | 'malformed'
  /** Unknown user or wrong password; nothing tells which. Answer 401. */
  | 'denied'
  /** Too many logins wait to be verified. Answer 503 with Retry-After. */
  | 'busy'
  /** The password file, or another provider, cannot be read, or the authenticator is closed. Answer 503. */
  | 'unavailable'
  /** Too many failed logins; only with the option `limiter`. Answer 429 with Retry-After. */
  | 'limited'

export type AuthVerdict =
  | {
      readonly ok: true
      /** The principal's name. */
      readonly user: string
      readonly principal: Principal
    }
  | {
      readonly ok: false
      readonly reason: Reason
      /** The name that was claimed, where it could be read. */
      readonly user?: string
      /** Seconds until it makes sense to try again, where that is known. */
      readonly retryAfter?: number
    }

/** Totals since the start; and, the last three, what is the case now. */
export interface Counters {
  /** Requests let in by what is remembered. */
  readonly hits: number
  /** Requests for which a provider was asked, whatever came of it. */
  readonly misses: number
  readonly noCredentials: number
  readonly malformed: number
  readonly denied: number
  readonly busy: number
  readonly unavailable: number
  readonly limited: number
  /** Passwords hashed; fewer than misses where several requests shared one. */
  readonly hashes: number
  /** Records replaced by stronger ones. */
  readonly rehashes: number
  /** Readings of the file that succeeded, the first included. */
  readonly reloads: number
  /** Users in the file. */
  readonly users: number
  /** Logins that wait for a provider. */
  readonly queued: number
  /** Passwords that are remembered. */
  readonly cached: number
}

export interface Authenticator {
  readonly realm: string
  /**
   * Who sent the request. Not a promise where no provider has to be asked: the password is remembered, or there are no
   * credentials that can be read. Never rejects.
   *
   * @param client the client's address: where logins wait, clients and the users of each take turns, and failed logins
   * count by it. Default: all requests are one client's
   * @param signal aborts when the client has gone, so that no work is done for it
   */
  authenticate(
    authorization: Authorization,
    client?: string,
    signal?: AbortSignal,
  ): AuthVerdict | Promise<AuthVerdict>
  /** As `authenticate`, but undefined where a provider would have to be asked. */
  remembered(authorization: Authorization): AuthVerdict | undefined
  /**
   * Judges again the login that a connection was opened with, such as a WebSocket, after `onChange`. Counts nothing.
   *
   * @returns the principal as it is now, with its groups; undefined if the login was revoked or has expired; `'unknown'`
   * if nobody can tell for now
   */
  recheck(
    authorization: Authorization,
    principal: Principal,
    client?: string,
  ): Promise<Principal | undefined | 'unknown'>
  /** Calls `listener` after every change that may revoke a login or change its groups. */
  onChange(listener: () => void): void
  /**
   * Reads the password file again now.
   * @throws HtgateError if it cannot be read; none of its users can log in then
   */
  reload(): Promise<void>
  /** Takes note of a login that the limiter of another process has recorded. */
  receive(record: LoginRecord): void
  counters(): Counters
  /** The counters by provider and result, of which those of several processes can be added up. */
  loginCounters(): LoginCounters
  /** Ends threads, timers and providers. Pending and later calls are answered `unavailable`. */
  close(): Promise<void>
}

/**
 * Answers who sent a request, by a password file that it watches or by other providers. A change of the file takes effect
 * within a second. Resolves when the file has been read, or found unreadable: `onEvent` is told which.
 *
 * @example
 * const authenticator = await createAuthenticator({ file: '.htpasswd', realm: 'The lab' })
 * const verdict = await authenticator.authenticate('Basic YW5uOnNlY3JldA==')
 * verdict.user // → 'ann'
 * verdict.principal // → { name: 'ann', provider: 'file', groups: [] }
 * await authenticator.authenticate('Basic YW5uOndyb25n') // → { ok: false, reason: 'denied', user: 'ann' }
 * await authenticator.close()
 *
 * @throws HtgateError ERR_OPTION
 */
export async function createAuthenticator(options: AuthenticatorOptions): Promise<Authenticator> {
  const settings = settingsOf(options)
  return new PipelineAuthenticator(settings, await openProviders(options, settings))
}

class PipelineAuthenticator implements Authenticator {
  readonly realm: string
  readonly #providers: readonly Provider[]
  readonly #pipeline: LoginPipeline
  readonly #limiter: LoginLimiter | undefined
  #closed = false

  constructor(
    { realm, queue, limiter, onEvent, fileOptions: { key } }: Settings,
    providers: readonly Provider[],
  ) {
    this.realm = realm
    this.#providers = providers
    this.#limiter =
      limiter &&
      new LoginLimiter({ ...limiter, key, onEvent: (event) => queueMicrotask(() => onEvent(event)) })
    this.#pipeline = new LoginPipeline({ providers, limiter: this.#limiter, queue, key })
  }

  authenticate(
    authorization: Authorization,
    client = '',
    signal?: AbortSignal,
  ): AuthVerdict | Promise<AuthVerdict> {
    const credential = parseAuthorization(authorization)
    if (typeof credential === 'string') return this.#refuse(credential)
    const verdict = this.#pipeline.login(credential, client, signal)
    return verdict instanceof Promise ? verdict.then(verdictOf) : verdictOf(verdict)
  }

  remembered(authorization: Authorization): AuthVerdict | undefined {
    const credential = parseAuthorization(authorization)
    if (typeof credential === 'string') return this.#refuse(credential)
    const verdict = this.#pipeline.remembered(credential)
    return verdict && verdictOf(verdict)
  }

  async recheck(
    authorization: Authorization,
    principal: Principal,
    client = '',
  ): Promise<Principal | undefined | 'unknown'> {
    const credential = parseAuthorization(authorization)
    if (typeof credential === 'string') return undefined
    const answer = await this.#pipeline.recheck(credential, principal, client)
    if (answer.is === 'same') return principal
    if (answer.is === 'changed') return answer.principal
    return answer.is === 'revoked' ? undefined : 'unknown'
  }

  onChange(listener: () => void): void {
    this.#pipeline.onChange(listener)
  }

  async reload(): Promise<void> {
    if (this.#closed) throw new HtgateError('ERR_CLOSED', 'the authenticator is closed')
    for (const provider of this.#providers) {
      if ('reload' in provider && typeof provider.reload === 'function') await provider.reload()
    }
  }

  receive(record: LoginRecord): void {
    this.#limiter?.receive(record)
  }

  counters(): Counters {
    const { results, asked, providers } = this.#pipeline.counters()
    const { file } = providers
    return {
      hits: results.remembered,
      misses: asked,
      noCredentials: results['no-credentials'],
      malformed: results.malformed,
      denied: results.denied,
      busy: results.busy,
      unavailable: results.unavailable,
      limited: results.limited,
      hashes: file?.counts.hashes ?? 0,
      rehashes: file?.counts.rehashes ?? 0,
      reloads: file?.counts.reloads ?? 0,
      users: file?.sizes.users ?? 0,
      queued: Object.values(providers).reduce((sum, { waiting }) => sum + waiting, 0),
      cached: file?.gauges.cached ?? 0,
    }
  }

  loginCounters(): LoginCounters {
    return this.#pipeline.counters()
  }

  close(): Promise<void> {
    this.#closed = true
    return this.#pipeline.close()
  }

  #refuse(reason: 'no-credentials' | 'malformed'): AuthVerdict {
    this.#pipeline.countRefusal(reason)
    return { ok: false, reason }
  }
}

function verdictOf(verdict: LoginVerdict): AuthVerdict {
  if (verdict.ok) return { ok: true, user: verdict.principal.name, principal: verdict.principal }
  const { reason, candidate, retryAfter } = verdict
  return {
    ok: false,
    reason,
    ...(candidate === undefined ? {} : { user: candidate }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  }
}

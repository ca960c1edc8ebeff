import { HtgateError } from '../errors.js'
import { type Authorization, parseAuthorization } from './authorization.js'
import { challengesOf } from './challenge.js'
import type { LoginCounters } from './counters.js'
import { LoginLimiter, type LoginRecord } from './login-limiter.js'
import { LoginPipeline, type LoginVerdict } from './login-pipeline.js'
import { type AuthenticatorOptions, openProviders, type Settings, settingsOf } from './options.js'
import type { Principal } from './principal.js'
import type { Provider } from './provider.js'

/** Why a login is refused. */
export type Reason =
  /** No `Authorization` header, or one with a scheme that no provider accepts. Respond with 401. */
  | 'no-credentials'
  /** Two headers, or one that is invalid by RFC 7617 and RFC 6750. Respond with 401. */
  | 'malformed'
  /** Unknown user, wrong password or invalid token, without telling which. Respond with 401. */
  | 'denied'
  /** Too many logins are waiting to be verified. Respond with 503 with Retry-After. */
  | 'busy'
  /** The password file or another provider is unavailable, or the authenticator is closed. Respond with 503. */
  | 'unavailable'
  /** Too many failed logins; only with the option `limiter`. Respond with 429 with Retry-After. */
  | 'limited'

/** The verdict on a request. */
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
      /** The claimed user name, if it could be read. */
      readonly user?: string
      /** Seconds to wait before trying again, if known. */
      readonly retryAfter?: number
    }

/** Totals since the start; the last three are current values. */
export interface Counters {
  /** Requests admitted from the cache. */
  readonly hits: number
  /** Requests that needed a provider, whatever the result. */
  readonly misses: number
  readonly noCredentials: number
  readonly malformed: number
  readonly denied: number
  readonly busy: number
  readonly unavailable: number
  readonly limited: number
  /** Passwords hashed; fewer than misses if several requests shared one hash. */
  readonly hashes: number
  /** Records replaced with stronger ones. */
  readonly rehashes: number
  /** Successful loads of the file, including the first. */
  readonly reloads: number
  /** Users in the file. */
  readonly users: number
  /** Logins waiting for a provider. */
  readonly queued: number
  /** Passwords in the cache. */
  readonly cached: number
}

/** Verifies who sends requests. Made by `createAuthenticator`. */
export interface Authenticator {
  /** The realm in `challenges`. */
  readonly realm: string
  /** The values of `WWW-Authenticate`: one challenge for each scheme that a provider accepts, Basic first. */
  readonly challenges: readonly string[]
  /**
   * Verifies who sent a request. Returns a promise only if a provider is needed, not if the password is cached or there are
   * no valid credentials. Never rejects.
   *
   * @param client the client's address, by which waiting logins take turns and failed logins are counted. Default: all
   * requests count as one client's
   * @param signal aborts when the client disconnects, so that no work is wasted on it
   */
  authenticate(
    authorization: Authorization,
    client?: string,
    signal?: AbortSignal,
  ): AuthVerdict | Promise<AuthVerdict>
  /** Like `authenticate`, but undefined if a provider is needed. */
  remembered(authorization: Authorization): AuthVerdict | undefined
  /**
   * Verifies the login of an open connection, such as a WebSocket, again. To be called after `onChange`. Counts nothing.
   *
   * @returns the principal with its current groups; undefined if the login was revoked or has expired; `'unknown'` if no
   * provider can tell right now
   */
  recheck(
    authorization: Authorization,
    principal: Principal,
    client?: string,
  ): Promise<Principal | undefined | 'unknown'>
  /** Calls `listener` after every change that may have revoked a login or changed its groups. */
  onChange(listener: () => void): void
  /**
   * Reloads the password file and the token file now.
   * @throws HtgateError ERR_FILE_… if one cannot be read; its users then cannot log in. ERR_CLOSED after `close`
   */
  reload(): Promise<void>
  /** Receives a login that the limiter of another process has recorded. */
  receive(record: LoginRecord): void
  /** Totals since the start, and current values. */
  counters(): Counters
  /** Counters by provider and result. `sumCounters` adds up those of several processes. */
  loginCounters(): LoginCounters
  /** Stops threads, timers, connections and providers. Pending and later calls get `unavailable`. */
  close(): Promise<void>
}

/**
 * Creates an authenticator, which verifies who sent a request, with a password file, which it watches, or with other providers. A
 * change of the file takes effect within a second. Resolves once each provider is ready or has failed to open; `onEvent` reports
 * which.
 *
 * @example
 * const authenticator = await createAuthenticator({ file: '.htpasswd', realm: 'The lab' })
 * const verdict = await authenticator.authenticate('Basic YW5uOnNlY3JldA==')
 * verdict.user // → 'ann'
 * verdict.principal // → { name: 'ann', provider: 'file', groups: [] }
 * await authenticator.authenticate('Basic YW5uOndyb25n') // → { ok: false, reason: 'denied', user: 'ann' }
 * await authenticator.close()
 *
 * @throws HtgateError ERR_OPTION for an invalid option
 */
export async function createAuthenticator(options: AuthenticatorOptions): Promise<Authenticator> {
  const settings = settingsOf(options)
  return new PipelineAuthenticator(settings, await openProviders(options, settings))
}

class PipelineAuthenticator implements Authenticator {
  readonly realm: string
  readonly challenges: readonly string[]
  readonly #providers: readonly Provider[]
  readonly #pipeline: LoginPipeline
  readonly #limiter: LoginLimiter | undefined
  #closed = false

  constructor(
    { realm, queue, limiter, onEvent, fileOptions: { key } }: Settings,
    providers: readonly Provider[],
  ) {
    this.realm = realm
    this.challenges = challengesOf(realm, providers)
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

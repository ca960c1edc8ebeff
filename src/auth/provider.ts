import type { Credential } from './credential.js'
import type { Principal } from './principal.js'

/** A way to log in: a password file, a directory server, an issuer of tokens. */
export interface Provider {
  /** What the log, the metrics and `Principal.provider` call it, such as `file`. */
  readonly name: string
  /** How many calls of `verify` may run at the same time. The others wait in the fair queue. */
  readonly concurrency: number
  /** Whether `verify` can judge a credential of this kind and form. Pure and synchronous. */
  accepts(credential: Credential): boolean
  /** The principal of a credential that is known to be good right now. Pure and synchronous: the fast path. */
  remembered(credential: Credential): Principal | undefined
  /**
   * Whether the name that a Basic credential claims is one of this provider's. Pure and synchronous. Absent, or
   * undefined, where only `verify` can tell.
   */
  knows?(credential: Credential): boolean | undefined
  /**
   * Judges a credential. An unknown name must take as long as a wrong password.
   *
   * @param client the client's address
   * @param signal aborts when all clients that waited for the verdict have gone
   * @returns a verdict; never rejects
   */
  verify(credential: Credential, client: string, signal?: AbortSignal): Promise<Verdict>
  /**
   * What is known right now of the account called `name`, without any credential: a token ends with its owner's account,
   * and has its owner's groups. Synchronous where that needs no I/O. Absent from providers that cannot tell.
   */
  account?(name: string): Account | Promise<Account>
  /**
   * A text that changes when the password of the account called `name` does: sessions that began with it end then. It stays
   * in this process. Undefined, or absent, where the provider cannot tell.
   *
   * @param fresh whether it has to be that of the password that was verified just now, though it takes longer
   */
  passwordMark?(name: string, fresh?: boolean): PasswordMark | Promise<PasswordMark>
  /** Increments on every change that may revoke a login: then whatever was decided before is decided again. */
  readonly epoch: number
  /** Calls `listener` after every increment of `epoch`. */
  onChange(listener: () => void): void
  /** What the provider itself counts. Default: nothing. */
  measures?(): Measures
  status(): ProviderStatus
  /** Tries out all that a login needs, for an operator who wants to know what works. Default: `status`. */
  check?(): Promise<readonly Finding[]>
  /** Ends timers, threads and connections. Pending calls of `verify` resolve to `unavailable`. */
  close(): Promise<void>
}

/** The principal; `unknown` when there is no such account; `unavailable` when the file or directory cannot be read. */
export type Account = Principal | 'unknown' | 'unavailable'

export type PasswordMark = string | undefined

/** Numbers of one process, by name, to be summed over all processes. */
export interface Measures {
  /** Totals that only grow, such as `hashes`. */
  readonly counts: Readonly<Record<string, number>>
  /** Current values that add up over processes, such as `cached`. */
  readonly gauges: Readonly<Record<string, number>>
  /** Current values that every process has for itself in full, such as `users`. */
  readonly sizes: Readonly<Record<string, number>>
}

export interface ProviderStatus {
  /** Whether new logins are possible. */
  readonly ready: boolean
  /** Why not; one line, fit for a log. */
  readonly detail?: string
}

/** What a check found. */
export interface Finding {
  readonly state: 'works' | 'warning' | 'fails'
  /** One line in lower case, without a full stop. */
  readonly text: string
  /** What would help. */
  readonly hint?: string | undefined
}

export type Verdict = Granted | Refused

export interface Granted {
  readonly ok: true
  readonly principal: Principal
}

export interface Refused {
  readonly ok: false
  readonly reason: RefusalReason
  /** The name that was claimed, where it could be read. */
  readonly candidate?: string
  /** Set when the provider does not know the claimed name, so that the next one in the chain is asked. */
  readonly unknown?: true
  /** Seconds until it makes sense to try again. */
  readonly retryAfter?: number
}

export type RefusalReason =
  /** Unknown user or wrong secret; nothing tells which. Answer 401. */
  | 'denied'
  /** Too many logins wait to be verified. Answer 503 with Retry-After. */
  | 'busy'
  /** The file, directory or issuer cannot be read. Answer 503 with Retry-After. */
  | 'unavailable'
  /** Too many failed logins. Answer 429 with Retry-After. */
  | 'limited'

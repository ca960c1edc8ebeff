import type { Credential } from './credential.js'
import type { Principal } from './principal.js'

/** A way to log in, such as a password file, a directory server or an issuer of tokens. */
export interface Provider {
  /** Its name in log, metrics and `Principal.provider`, such as `file`. */
  readonly name: string
  /** How many calls of `verify` may run at a time. Further logins wait in the fair queue. */
  readonly concurrency: number
  /** The schemes of `Authorization` that it accepts, to be offered in `WWW-Authenticate`. Default: basic. */
  readonly schemes?: readonly ('basic' | 'bearer')[]
  /** Whether `verify` can judge a credential of this kind and form. Pure and synchronous. */
  accepts(credential: Credential): boolean
  /** The principal of a credential known to be valid right now. Pure and synchronous: the fast path. */
  remembered(credential: Credential): Principal | undefined
  /**
   * Whether the provider knows the name in a Basic credential. Pure and synchronous. Absent, or undefined, if only `verify`
   * can tell.
   */
  knows?(credential: Credential): boolean | undefined
  /**
   * Judges a credential. An unknown name must take as long as a wrong password.
   *
   * @param client the client's address
   * @param signal aborts when all clients that wait for the verdict have disconnected
   * @returns a verdict; never rejects
   */
  verify(credential: Credential, client: string, signal?: AbortSignal): Promise<Verdict>
  /**
   * Looks up the account `name` without a credential: a token has its owner's groups, and ends with its owner's account.
   * Synchronous if it needs no I/O. Absent from providers that cannot look accounts up.
   */
  account?(name: string): Account | Promise<Account>
  /**
   * A text that changes with the password of the account called `name`, so that sessions that began with another password
   * end. It must not leave this process. Undefined, or absent, if the provider cannot tell.
   *
   * @param fresh whether it must be the mark of the password that was verified just now, even if that takes longer
   */
  passwordMark?(name: string, fresh?: boolean): PasswordMark | Promise<PasswordMark>
  /**
   * Resolves once changes of the account called `name` that were made elsewhere before this call are known here. Absent from
   * providers that know them at once.
   */
  catchUp?(name: string): Promise<void>
  /** Incremented by every change that may revoke a login, so that earlier decisions are made again. */
  readonly epoch: number
  /** Calls `listener` after every increment of `epoch`. */
  onChange(listener: () => void): void
  /** The provider's own counters. Default: none. */
  measures?(): Measures
  status(): ProviderStatus
  /** Tests everything that a login needs, for `htgate --check`. Default: `status`. */
  check?(): Promise<readonly Finding[]>
  /** Stops timers, threads and connections. Pending calls of `verify` resolve to `unavailable`. */
  close(): Promise<void>
}

/** The account's principal; `unknown` if there is no such account, `unavailable` if its source cannot be read. */
export type Account = Principal | 'unknown' | 'unavailable'

export type PasswordMark = string | undefined

/** Counters of one process, by name. */
export interface Measures {
  /** Totals that only increase, such as `hashes`. */
  readonly counts: Readonly<Record<string, number>>
  /** Current values to add up over processes, such as `cached`. */
  readonly gauges: Readonly<Record<string, number>>
  /** Current values that are the same in every process, such as `users`. */
  readonly sizes: Readonly<Record<string, number>>
}

/** Whether a provider works. */
export interface ProviderStatus {
  /** Whether new logins are possible. */
  readonly ready: boolean
  /** Why not: one line, suitable for a log. */
  readonly detail?: string
}

/** A finding of `check`. */
export interface Finding {
  readonly state: 'works' | 'warning' | 'fails'
  /** One line, lower case, no full stop. */
  readonly text: string
  /** How to fix it. */
  readonly hint?: string | undefined
}

/** A provider's verdict on a credential. */
export type Verdict = Granted | Refused

/** The credential is valid. */
export interface Granted {
  readonly ok: true
  readonly principal: Principal
}

/** The credential is invalid, or could not be verified. */
export interface Refused {
  readonly ok: false
  readonly reason: RefusalReason
  /** The claimed user name, if it could be read. */
  readonly candidate?: string
  /** Set if the provider does not know the claimed name; the next one in the chain is then tried. */
  readonly unknown?: true
  /** Seconds to wait before trying again. */
  readonly retryAfter?: number
}

/** Why a credential is refused. */
export type RefusalReason =
  /** Unknown user or wrong secret, without telling which. Respond with 401. */
  | 'denied'
  /** Too many logins are waiting to be verified. Respond with 503 with Retry-After. */
  | 'busy'
  /** The file cannot be read, or the directory or issuer cannot be reached. Respond with 503 with Retry-After. */
  | 'unavailable'
  /** Too many failed logins. Respond with 429 with Retry-After. */
  | 'limited'

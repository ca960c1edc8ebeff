import type { Credential } from '../credential.js'
import type { Principal } from '../principal.js'
import type { Account, PasswordMark, Provider, ProviderStatus, Verdict } from '../provider.js'
import { EndedSessions, type Ending } from './ended.js'
import type { Seals } from './seal.js'
import {
  type ConfiguredGroups,
  digestsOf,
  markDigest,
  newSession,
  type Origin,
  parseSession,
  type Session,
  serializeSession,
} from './session.js'

// The session cookie as a credential. Its seal is enough to verify it. If the account's provider can look accounts up, as a
// password file can, the session also ends with the account, and with the password that it began with.

const MAX_REMEMBERED = 10_000
/** How long a login in progress may take to begin its session, in milliseconds. */
const LOGIN_UNDER_WAY = 60_000
/** Least time between two looks for a password that another process may know, for each session; in milliseconds. */
const CATCH_UP_AGAIN = 1000

export interface SessionProviderOptions {
  readonly seals: Seals
  readonly groups: ConfiguredGroups
  /** How long a session lasts after its login, in milliseconds. */
  readonly ttl: number
  /** The providers of the users' accounts. */
  readonly accounts?: readonly Provider[] | undefined
  readonly now?: (() => number) | undefined
}

/** A session in use. */
interface Opened {
  readonly session: Session
  readonly principal: Principal
  /** The password mark that was compared last, and the result, so that the same mark need not be hashed again. */
  seenMark?: string | undefined
  isSeenGood?: boolean
  /** When the account's provider was last told to catch up; by performance.now(). */
  caughtUpAt?: number
}

/** The current state of an account, according to its provider. */
interface Standing {
  readonly account: Account | Promise<Account> | undefined
  readonly mark: PasswordMark | Promise<PasswordMark>
}

export class SessionProvider implements Provider {
  readonly name = 'session'
  readonly concurrency = 16
  readonly schemes = []
  readonly ttl: number
  #seals: Seals
  readonly #groups: ConfiguredGroups
  readonly #accounts: readonly Provider[]
  readonly #now: () => number
  #epoch = 0
  readonly #listeners: (() => void)[] = []
  /** Opened sessions, by cookie value. */
  readonly #opened = new Map<string, Opened>()
  readonly #ended = new EndedSessions()

  constructor({ seals, groups, ttl, accounts = [], now = Date.now }: SessionProviderOptions) {
    this.#seals = seals
    this.#groups = groups
    this.ttl = ttl
    this.#accounts = accounts
    this.#now = now
  }

  get epoch(): number {
    return this.#epoch
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Replaces the keys. Sessions that the new ones cannot open end. */
  renewSeals(seals: Seals): void {
    this.#seals = seals
    this.#opened.clear()
    this.#changed()
  }

  /**
   * The cookie's value for a login that has just succeeded.
   *
   * @param origin the issuer's identifiers of the login, for a login at an issuer
   * @param passwordMark the result of `markOf`, for a login with a password
   */
  begin(principal: Principal, origin?: Origin, passwordMark?: string): string {
    const session = newSession(principal, this.#now(), this.ttl, origin, passwordMark)
    return this.#seals.seal('session', serializeSession(session, this.#groups))
  }

  /** The mark of the password that the user has just logged in with. */
  async markOf({ provider, name }: Principal): Promise<PasswordMark> {
    return this.#accountsOf({ provider })?.passwordMark?.(name, true)
  }

  /** The session in a cookie, if valid. Does not look up the account. */
  sessionIn(value: string): Session | undefined {
    return this.#open(value)?.session
  }

  /**
   * Ends a session in this process.
   * @returns what other processes must `end`; undefined for a cookie without a session
   */
  logOut(value: string): Ending | undefined {
    const session = this.sessionIn(value)
    if (session === undefined) return undefined
    const ending = { id: session.id, until: session.expires }
    this.end(ending)
    return ending
  }

  /**
   * Ends the sessions that an issuer's logout token names, in this process.
   *
   * @param before ends only sessions that began by this time, in milliseconds since the epoch
   * @param jti the logout token's ID
   * @returns what other processes must `end`; undefined if the token has been used before
   */
  logOutBy(origin: Origin, before: number, jti: string): Ending | undefined {
    if (this.#ended.knows(jti)) return undefined
    // A login in progress may still begin a session with the same `sid`.
    const until = this.#now() + this.ttl + LOGIN_UNDER_WAY
    const ending = { origin: digestsOf(origin), before, until, jti }
    this.end(ending)
    return ending
  }

  /** Ends these sessions. */
  end(ending: Ending): void {
    this.#ended.add(ending, this.#now())
    this.#changed()
  }

  accepts(credential: Credential): boolean {
    return credential.kind === 'session'
  }

  remembered(credential: Credential): Principal | undefined {
    if (credential.kind !== 'session') return undefined
    const opened = this.#open(credential.value)
    if (opened === undefined) return undefined
    const { account, mark } = this.#standingOf(opened.session)
    if (account instanceof Promise || mark instanceof Promise || !hasMark(opened, mark)) return undefined
    return account === undefined ? opened.principal : withAccount(opened.principal, account)
  }

  async verify(credential: Credential): Promise<Verdict> {
    const opened = credential.kind === 'session' ? this.#open(credential.value) : undefined
    if (opened === undefined) return { ok: false, reason: 'denied', unknown: true }
    const candidate = opened.session.user
    const { account, mark } = await this.#verifiedStandingOf(opened)
    if (account === 'unavailable') return { ok: false, reason: 'unavailable', candidate }
    const principal = account === undefined ? opened.principal : withAccount(opened.principal, account)
    if (principal === undefined || !hasMark(opened, mark)) return { ok: false, reason: 'denied', candidate }
    return { ok: true, principal }
  }

  status(): ProviderStatus {
    return { ready: true }
  }

  async close(): Promise<void> {}

  #open(value: string): Opened | undefined {
    let opened = this.#opened.get(value)
    if (opened === undefined) {
      const content = this.#seals.open('session', value)
      const session = content && parseSession(content, this.#groups)
      if (session === undefined) return undefined
      const { user, provider, groups, expires } = session
      opened = { session, principal: { name: user, provider, groups, expiresAt: expires } }
      if (this.#opened.size >= MAX_REMEMBERED) this.#opened.clear()
      this.#opened.set(value, opened)
    }
    const { issued, expires } = opened.session
    const now = this.#now()
    // The current setting limits the session's length, not the one from its start.
    if (expires <= now || issued + this.ttl <= now || this.#ended.has(opened.session)) return undefined
    return opened
  }

  /** The account is undefined if it cannot be looked up: then only the seal counts. */
  #standingOf({ provider, user, mark }: Session): Standing {
    const known = this.#accountsOf({ provider })
    if (known === undefined) return { account: 'unknown', mark: undefined }
    // Both at once, so that a directory is queried once.
    return {
      account: known.account?.(user),
      mark: mark === undefined ? undefined : known.passwordMark?.(user),
    }
  }

  /**
   * Another process may have begun the session with a password, or a stronger record of it, that this one does not know yet.
   * Therefore the provider catches up before the session is refused, but not at every request with an old cookie.
   */
  async #verifiedStandingOf(opened: Opened): Promise<{ account: Account | undefined; mark: PasswordMark }> {
    const { session } = opened
    const standing = this.#standingOf(session)
    const [account, mark] = await Promise.all([standing.account, standing.mark])
    const now = performance.now()
    const isTooSoon = opened.caughtUpAt !== undefined && now - opened.caughtUpAt < CATCH_UP_AGAIN
    if (account === 'unavailable' || isTooSoon || hasMark(opened, mark)) return { account, mark }
    opened.caughtUpAt = now
    await this.#accountsOf(session)?.catchUp?.(session.user)
    const later = this.#standingOf(session)
    return { account: await later.account, mark: await later.mark }
  }

  #accountsOf({ provider }: Pick<Session, 'provider'>): Provider | undefined {
    return this.#accounts.find(({ name }) => name === provider)
  }

  #changed(): void {
    this.#epoch++
    for (const listener of this.#listeners) listener()
  }
}

/** Whether the password is still the one that the session began with, as far as the provider could tell then. */
function hasMark(opened: Opened, mark: PasswordMark): boolean {
  const { id, mark: begun } = opened.session
  if (begun === undefined) return true
  if (mark === undefined) return false
  if (opened.seenMark !== mark) {
    opened.seenMark = mark
    opened.isSeenGood = markDigest(id, mark) === begun
  }
  return opened.isSeenGood === true
}

/** The session's principal with the account's current groups. */
function withAccount(principal: Principal, account: Account): Principal | undefined {
  if (typeof account === 'string') return undefined
  if (
    account.groups.length === principal.groups.length &&
    account.groups.every((g, i) => g === principal.groups[i])
  ) {
    return principal
  }
  return { ...principal, groups: account.groups }
}

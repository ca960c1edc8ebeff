import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { BasicCredential, Credential } from '../../credential.js'
import { KeyedHash } from '../../keyed-hash.js'
import type { Principal } from '../../principal.js'
import type {
  Account,
  Finding,
  Measures,
  PasswordMark,
  Provider,
  ProviderStatus,
  Verdict,
} from '../../provider.js'
import { checkDirectory } from './check.js'
import { failureOf } from './diagnosis.js'
import { Directory } from './directory.js'
import { DirectoryError, explain } from './errors.js'
import type { LdapEvent } from './events.js'
import { present } from './filter.js'
import { Health } from './health.js'
import { Lane } from './lane.js'
import { type AccountNow, DirectoryLogins, unknown } from './logins.js'
import type { LdapSettings } from './options.js'
import { RememberedValues } from './remembered.js'
import { isPrintable } from './search.js'

/** Longest user name, in bytes. */
const LONGEST_NAME = 255
const RETRY_AFTER_S = 5
/** How often to probe an idle directory, and one that does not respond, in milliseconds. */
const PROBE_EVERY = 15_000
const PROBE_WHILE_DOWN = 2_000
/** Most cached logins to verify again at a time. */
const REFRESHES = 2
/** Most accounts to look up at a time. */
const SEARCHES = 2
/** Most refreshes that may wait. */
const REFRESHES_WAITING = 10_000
/** When to retry a failed refresh, in milliseconds. */
const REFRESH_AGAIN = 1_000
/** How often to log the same refusal, or the same remark, in milliseconds. */
const REPEAT = 60_000
const REPEAT_REMARK = 12 * 3_600_000

/** Logins against a directory server. */
export class LdapProvider implements Provider {
  readonly name = 'ldap'
  readonly concurrency: number
  /** Absent without a service account. */
  readonly account?: (name: string) => Account | Promise<Account>
  /** Absent where `account` is. */
  readonly passwordMark?: (name: string, fresh?: boolean) => PasswordMark | Promise<PasswordMark>
  readonly catchUp?: (name: string) => Promise<void>
  readonly #settings: LdapSettings
  readonly #tell: (event: LdapEvent) => void
  readonly #directory: Directory
  readonly #directoryLogins: DirectoryLogins
  readonly #health: Health
  /** By HMAC of name and password, under a key of this process: passwords are not kept. */
  readonly #logins: RememberedValues<Principal>
  readonly #hmac = new KeyedHash(randomBytes(32))
  /** By name. */
  readonly #accounts: RememberedValues<AccountNow>
  readonly #underWay = new Map<string, Promise<Verdict>>()
  readonly #lookups = new Map<string, Promise<AccountNow | 'unavailable'>>()
  readonly #refreshes = new Lane(REFRESHES)
  readonly #searches = new Lane(SEARCHES)
  readonly #listeners: (() => void)[] = []
  readonly #counts = { queries: 0, refreshes: 0, revocations: 0 }
  #epoch = 0
  #isTrying = false
  #timer: NodeJS.Timeout | undefined
  #closed = false
  /** When each message was last logged. */
  readonly #logged = new Map<string, number>()

  /** @param onEvent called asynchronously */
  constructor(settings: LdapSettings, onEvent: (event: LdapEvent) => void) {
    this.#settings = settings
    this.concurrency = settings.concurrency
    this.#tell = (event) => queueMicrotask(() => onEvent(event))
    this.#directory = new Directory(settings)
    this.#directoryLogins = new DirectoryLogins(settings, this.#directory, (type, user, what) =>
      this.#say(type, type === 'login-remark' ? 'info' : 'warn', user, what),
    )
    this.#health = new Health(this.#tell)
    this.#logins = new RememberedValues(settings.cacheSize, settings.ttl, () => this.#changed())
    this.#accounts = new RememberedValues(settings.cacheSize, settings.ttl, () => this.#changed())
    if (settings.bindAs === undefined) {
      this.account = (name) => then(this.#account(name), principalIn)
      this.passwordMark = (name, fresh = false) => then(this.#account(name, fresh), markIn)
      this.catchUp = async (name) => void (await this.#account(name, true))
    }
  }

  get epoch(): number {
    return this.#epoch
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  measures(): Measures {
    return { counts: { ...this.#counts }, gauges: { cached: this.#logins.size }, sizes: {} }
  }

  /** Resolves once the directory has responded or failed; `status` tells which. */
  async start(): Promise<void> {
    await this.#probe()
  }

  status(): ProviderStatus {
    return this.#health.status
  }

  check(): Promise<readonly Finding[]> {
    return checkDirectory(this.#settings, this.#directory)
  }

  accepts(credential: Credential): boolean {
    return credential.kind === 'basic'
  }

  remembered(credential: Credential): Principal | undefined {
    if (credential.kind !== 'basic' || this.#logins.size === 0) return undefined
    const key = this.#keyOf(credential)
    const login = this.#logins.get(key)
    if (login === undefined) return undefined
    if (login.refreshAt <= performance.now()) {
      login.refreshAt = Number.POSITIVE_INFINITY
      this.#refresh(key, credential)
    }
    return login.value
  }

  async verify(credential: Credential): Promise<Verdict> {
    if (credential.kind !== 'basic') return { ok: false, reason: 'denied' }
    const { name } = credential
    const key = this.#keyOf(credential)
    let verdict = this.#underWay.get(key)
    if (verdict === undefined) {
      verdict = this.#ask(key, name, credential.password).finally(() => this.#underWay.delete(key))
      this.#underWay.set(key, verdict)
    }
    return verdict
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#logins.close()
    this.#accounts.close()
    this.#directory.close()
    await Promise.all([...this.#underWay.values(), ...this.#lookups.values()])
  }

  #keyOf({ user, password }: BasicCredential): string {
    return this.#hmac.of(4 + user.length + password.length, (message, start) => {
      let end = message.writeUInt32LE(user.length, start)
      end += user.copy(message, end)
      return end + password.copy(message, end)
    })
  }

  #changed(): void {
    this.#epoch++
    for (const listener of this.#listeners) listener()
  }

  async #ask(key: string, name: string, bytes: Buffer): Promise<Verdict> {
    if (!isName(name)) return unknown(name)
    const since = performance.now()
    const verdict = await this.#attempt(name, () => this.#directoryLogins.login(name, passwordOf(bytes)))
    if (verdict === 'unavailable') {
      return { ok: false, reason: 'unavailable', candidate: name, retryAfter: RETRY_AFTER_S }
    }
    if (verdict.ok) this.#logins.set(key, verdict.principal, since)
    return verdict
  }

  /** Asks the directory, and notes whether it responds. While it does not, makes only one attempt at a time. */
  async #attempt<T>(name: string, work: () => Promise<T>): Promise<T | 'unavailable'> {
    const isTrial = !this.#health.isGood
    if (this.#closed || (isTrial && this.#isTrying)) return 'unavailable'
    if (isTrial) this.#isTrying = true
    this.#counts.queries++
    const since = performance.now()
    try {
      const answer = await work()
      this.#health.succeeded()
      return this.#closed ? 'unavailable' : answer
    } catch (error) {
      if (!this.#closed) this.#report(error, since, name)
      return 'unavailable'
    } finally {
      if (isTrial) this.#isTrying = false
    }
  }

  #account(name: string, fresh = false): AccountNow | Promise<AccountNow | 'unavailable'> {
    if (!isName(name)) return { principal: 'unknown' }
    const known = fresh ? undefined : this.#accounts.get(name)
    if (known !== undefined && known.refreshAt > performance.now()) return known.value
    let lookup = this.#lookups.get(name)
    if (lookup === undefined) {
      lookup = this.#searches.run(() => this.#lookUp(name)).finally(() => this.#lookups.delete(name))
      this.#lookups.set(name, lookup)
    }
    return known?.value ?? lookup
  }

  async #lookUp(name: string): Promise<AccountNow | 'unavailable'> {
    const before = this.#accounts.get(name)
    const since = performance.now()
    const account = await this.#attempt(name, () => this.#directoryLogins.account(name))
    if (account === 'unavailable') {
      if (before !== undefined) before.refreshAt = performance.now() + REFRESH_AGAIN
      return account
    }
    this.#accounts.set(name, account, since)
    if (before !== undefined && !isSameAccount(before.value, account)) this.#changed()
    return account
  }

  /** Verifies a cached login again before it expires, with the password of the current request. */
  async #refresh(key: string, { name, user, password }: BasicCredential): Promise<void> {
    if (this.#refreshes.waiting >= REFRESHES_WAITING) {
      this.#refreshLater(key)
      return
    }
    const copy = { kind: 'basic', name, user: Buffer.from(user), password: Buffer.from(password) } as const
    await this.#refreshes.run(() => this.#refreshNow(key, copy))
    copy.password.fill(0)
  }

  async #refreshNow(key: string, credential: BasicCredential): Promise<void> {
    const before = this.#logins.get(key)?.value
    if (before === undefined) return
    const verdict = await this.verify(credential)
    if (verdict.ok) {
      this.#counts.refreshes++
      if (!isSame(before, verdict.principal)) this.#changed()
    } else if (verdict.reason === 'denied') {
      this.#logins.delete(key)
      this.#counts.revocations++
      this.#say('login-ended', 'info', credential.name, 'the directory no longer grants the login')
      this.#changed()
    } else {
      this.#refreshLater(key)
    }
  }

  #refreshLater(key: string): void {
    const login = this.#logins.get(key)
    if (login !== undefined) login.refreshAt = performance.now() + REFRESH_AGAIN
  }

  /** Checks whether the directory responds, now and regularly. */
  async #probe(): Promise<void> {
    const since = performance.now()
    if (!this.#health.isGood || this.#health.sinceSuccess > PROBE_EVERY / 2) {
      try {
        await this.#look()
        this.#health.succeeded()
      } catch (error) {
        if (!this.#closed && this.#health.failed(error, since)) this.#directory.next()
      }
    }
    this.#probeLater()
  }

  #probeLater(): void {
    clearTimeout(this.#timer)
    if (this.#closed) return
    this.#timer = setTimeout(() => this.#probe(), this.#health.isGood ? PROBE_EVERY : PROBE_WHILE_DOWN)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const deadline = this.#directory.deadline()
    const { bindAs, url } = this.#settings
    const { connection } =
      bindAs === undefined ? await this.#directory.service(deadline) : await this.#directory.connect(deadline)
    try {
      await this.#directoryLogins.learn(connection)
      if (bindAs !== undefined || url.base === '') return
      const query = {
        base: url.base,
        scope: 'base',
        filter: present('objectClass'),
        attributes: ['1.1'],
        limit: 1,
      } as const
      const { result } = await connection.search(query)
      if (result.code !== 0) throw failureOf(connection.server, result, `the search in ${url.base}`)
    } finally {
      connection.close()
    }
  }

  #report(error: unknown, since: number, name: string): void {
    if (!(error instanceof DirectoryError && error.isLocal)) {
      if (this.#health.failed(error, since)) this.#directory.next()
      this.#probeLater()
      return
    }
    this.#health.succeeded()
    this.#say('login-refused', 'error', name, explain(error))
  }

  #say(type: LdapEvent['type'], level: LdapEvent['level'], user: string, what: string): void {
    const message = `ldap: ${JSON.stringify(user)}: ${what}`
    const now = performance.now()
    if (
      now - (this.#logged.get(message) ?? Number.NEGATIVE_INFINITY) <
      (type === 'login-remark' ? REPEAT_REMARK : REPEAT)
    )
      return
    if (this.#logged.size >= 1000) this.#logged.clear()
    this.#logged.set(message, now)
    this.#tell({ type, level, message, user })
  }
}

/** Undefined for bytes that cannot be a password: servers may cut it at NUL, and expect UTF-8. */
function passwordOf(bytes: Buffer): string | undefined {
  if (bytes.length === 0 || bytes.includes(0) || !isUtf8(bytes)) return undefined
  return bytes.toString()
}

const principalIn = (account: AccountNow | 'unavailable'): Account =>
  account === 'unavailable' ? account : account.principal
const markIn = (account: AccountNow | 'unavailable'): PasswordMark =>
  account === 'unavailable' ? undefined : account.passwordMark

/** Applies `use` to a value, at once if it is not a promise. */
const then = <T, U>(value: T | Promise<T>, use: (value: T) => U): U | Promise<U> =>
  value instanceof Promise ? value.then(use) : use(value)

const isSameAccount = (a: AccountNow, b: AccountNow): boolean =>
  a.passwordMark === b.passwordMark && isSame(a.principal, b.principal)

const isName = (name: string): boolean => isPrintable(name) && Buffer.byteLength(name) <= LONGEST_NAME

function isSame(a: Principal | 'unknown', b: Principal | 'unknown'): boolean {
  if (a === 'unknown' || b === 'unknown') return a === b
  return (
    a.name === b.name && a.groups.length === b.groups.length && a.groups.every((g, i) => g === b.groups[i])
  )
}

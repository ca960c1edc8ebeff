import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileError } from '../../../errors.js'
import type { Credential } from '../../credential.js'
import type { Principal } from '../../principal.js'
import type { Account, Finding, Measures, Provider, ProviderStatus, Verdict } from '../../provider.js'
import { Watcher } from '../../watcher.js'
import { editFile } from './edits.js'
import { idOf, OWNER_TTL, type TokenRecord } from './records.js'
import { skippedText, TokenTable } from './table.js'
import { digestOf, isToken, PREFIX } from './token.js'
import { confirmationKey, isLaterDay, type NewToken } from './token-file.js'

// Tokens as credentials. A token can do what its owner can do right now: at each use, the provider of the owner's account
// looks the account up. An OpenID Connect issuer cannot do that, so its users keep the groups of their last login, and their
// tokens stop working when that was too long ago. A program's token has no account until one with the same name appears; from
// then on the token ends with that account, which the file records.

/** Delay before updates are written to the file, and least time between two writes, in milliseconds. */
const WRITE_SOON = 1000
const WRITE_AGAIN = 10_000
/** Rewriting a large file takes a thread seconds; this keeps it below one percent of the time. */
const REST_PER_BUSY = 100
const MAX_PRINCIPALS = 10_000

export interface TokenProviderOptions {
  /** Path of the token file. It need not exist yet. */
  readonly file: string
  /** The providers of the owners' accounts, in the order of the chain. */
  readonly accounts?: readonly Provider[] | undefined
  /** How long an issuer's user can use tokens after their last login there, in milliseconds. Default: 30 days. */
  readonly ownerTtl?: number | undefined
  /** Called with events for operators. */
  readonly onEvent?: ((event: TokenEvent) => void) | undefined
  readonly now?: (() => number) | undefined
}

/** The owner of a token. */
type Owner = Pick<Principal, 'name' | 'provider'>

/** An event of the token file, for operators. `message` is suitable for a log: one line, without secrets. */
export interface TokenEvent {
  readonly type: /** The file was loaded, at the start or after a change. */
    | 'tokens-loaded'
    /** The file cannot be read. Until it can be, tokens get `unavailable`. */
    | 'tokens-unreadable'
    /** Skipped lines that are not records. */
    | 'tokens-skipped'
    /** The file cannot be written, so the last use of tokens is not recorded. */
    | 'tokens-unwritable'
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
}

export class TokenProvider implements Provider {
  readonly name = 'token'
  readonly concurrency = 16
  readonly schemes = ['basic', 'bearer'] as const
  readonly #file: string
  readonly #accounts: readonly Provider[]
  readonly #ownerTtl: number
  readonly #onEvent: (event: TokenEvent) => void
  readonly #now: () => number
  readonly #watcher: Watcher
  /** Undefined while the file cannot be read. */
  #table: TokenTable | undefined
  #detail = 'the token file has not been read yet'
  #hasBeenRead = false
  #epoch = 0
  /** Updates that are not in the file yet. */
  #used = new Map<string, number>()
  #bound = new Map<string, string>()
  #confirmed = new Map<string, { groups: readonly string[]; at: number }>()
  /** Updates to keep in memory because the file cannot be written. */
  readonly #boundForGood = new Map<string, string>()
  readonly #usedToday = new Map<string, number>()
  /** Names without an account, when last looked up. */
  readonly #programs = new Set<string>()
  /** By digest. The same object is returned each time, because the policy caches by identity. */
  readonly #principals = new Map<
    string,
    { readonly record: TokenRecord; readonly owner: Principal; readonly principal: Principal }
  >()
  #writeTimer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #writeAfter = 0
  #isWritable = true
  #closed = false
  readonly #listeners: (() => void)[] = []
  #reloads = 0

  constructor({ file, accounts = [], ownerTtl = OWNER_TTL, onEvent, now = Date.now }: TokenProviderOptions) {
    this.#file = file
    this.#accounts = accounts
    this.#ownerTtl = ownerTtl
    this.#onEvent = onEvent ?? (() => {})
    this.#now = now
    this.#watcher = new Watcher(file, {
      content: (bytes) => this.#load(bytes),
      unreadable: (error) => this.#unreadable(error),
    })
  }

  /** Reads the file, then watches it. */
  start(): Promise<void> {
    return this.#watcher.start()
  }

  get file(): string {
    return this.#file
  }

  get epoch(): number {
    return this.#epoch
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  measures(): Measures {
    return { counts: { reloads: this.#reloads }, gauges: {}, sizes: { tokens: this.size } }
  }

  get size(): number {
    return this.#table?.size ?? 0
  }

  /** Accepts a token as a bearer token, or as a Basic password with any user name. */
  accepts(credential: Credential): boolean {
    return tokenIn(credential) !== undefined
  }

  remembered(credential: Credential): Principal | undefined {
    const token = tokenIn(credential)
    if (token === undefined || this.#table === undefined) return undefined
    const record = this.#table.get(digestOf(token))
    if (record === undefined || this.#hasExpired(record)) return undefined
    const owner = this.#ownerOf(record)
    return owner instanceof Promise ? undefined : this.#principalOf(record, owner)
  }

  async verify(credential: Credential): Promise<Verdict> {
    const token = tokenIn(credential)
    if (token === undefined) return { ok: false, reason: 'denied' }
    if (this.#table === undefined) return { ok: false, reason: 'unavailable' }
    const record = this.#table.get(digestOf(token))
    if (record === undefined) return { ok: false, reason: 'denied' }
    const candidate = record.user
    if (this.#hasExpired(record)) return { ok: false, reason: 'denied', candidate }
    const owner = await this.#ownerOf(record)
    if (owner === 'unavailable') return { ok: false, reason: 'unavailable', candidate }
    const principal = this.#principalOf(record, owner)
    return principal ? { ok: true, principal } : { ok: false, reason: 'denied', candidate }
  }

  status(): ProviderStatus {
    return this.#table ? { ready: true } : { ready: false, detail: this.#detail }
  }

  /** Checks that the file can be read and written. */
  async check(): Promise<Finding[]> {
    if (this.#table === undefined) return [{ state: 'fails', text: this.#detail }]
    const { size, skipped } = this.#table
    const findings: Finding[] = [
      { state: 'works', text: `${this.#file}: ${size} token${size === 1 ? '' : 's'}` },
    ]
    if (skipped.count > 0) {
      const text = `${this.#file}: ${skipped.count} line${skipped.count === 1 ? '' : 's'} skipped: not a token record (first: line ${skipped.first[0]})`
      findings.push({ state: 'warning', text })
    }
    const what = 'tokens cannot be created or revoked at /.htgate/, and their last use is not recorded'
    try {
      await access(dirname(this.#file), constants.W_OK)
      if (this.#hasBeenRead) await access(this.#file, constants.W_OK)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const why = code === 'ENOENT' ? 'the folder does not exist' : 'cannot write it or its folder'
      const hint = `the user that htgate runs as needs write access to ${dirname(this.#file)}`
      findings.push({ state: 'warning', text: `${this.#file}: ${why}; ${what}`, hint })
    }
    return findings
  }

  /** Reloads the file now. @throws HtgateError if it cannot be read, unless no token has been created yet */
  async reload(): Promise<void> {
    await this.#watcher.read().catch((error) => {
      if (this.#table === undefined) throw fileError(this.#file, 'read', error)
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#writeTimer)
    await this.#writing
    await this.#write()
    this.#table = undefined
    this.#detail = 'closed'
    await this.#watcher.close()
  }

  /** Creates a token, valid at once. @throws RangeError, LockedError or a system error */
  async create(token: NewToken): Promise<{ token: string; record: TokenRecord }> {
    const made = await editFile(this.#file, { kind: 'create', token, now: this.#now() })
    await this.#watcher.read()
    return made
  }

  /** The tokens of an account, including programs' tokens with its name, newest first. */
  async list({ name, provider }: Owner): Promise<TokenRecord[]> {
    const records = (await this.#table?.list(name)) ?? []
    return records
      .filter(({ account = provider }) => account === provider)
      .map((record) => ({ ...record, used: this.#used.get(record.digest) ?? record.used }))
      .sort((a, b) => b.created - a.created)
  }

  /** Revokes a token of an account; false if the account has none with this ID. */
  async revoke(owner: Owner, id: string): Promise<boolean> {
    const { name: user, provider: account } = owner
    const revoked = await editFile(this.#file, { kind: 'revoke', user, account, id })
    await this.#watcher.read()
    return revoked.length > 0
  }

  /** Records the login of an owner whose provider cannot look accounts up. */
  confirm({ provider, name, groups }: Principal): void {
    if (this.#table === undefined || this.#table.size === 0) return
    this.#confirmed.set(confirmationKey(provider, name), { groups, at: this.#now() })
    this.#writeLater()
  }

  #hasExpired(record: TokenRecord): boolean {
    return record.expires !== undefined && record.expires <= this.#now()
  }

  #ownerOf(record: TokenRecord): Account | Promise<Account> {
    const account = record.account ?? this.#boundForGood.get(record.digest)
    if (account === undefined) return this.#ownerOfProgram(record)
    const provider = this.#accounts.find(({ name }) => name === account)
    if (provider === undefined) return 'unknown'
    if (provider.account) return provider.account(record.user)
    const login = this.#confirmed.get(confirmationKey(account, record.user))
    const confirmed = login?.at ?? record.confirmed
    if (confirmed === undefined || confirmed + this.#ownerTtl <= this.#now()) return 'unknown'
    return { name: record.user, provider: account, groups: login?.groups ?? record.groups }
  }

  /** The first account found with this name, or else the program itself. */
  #ownerOfProgram(record: TokenRecord): Account | Promise<Account> {
    const pending: Promise<Account>[] = []
    let isUnavailable = false
    for (const provider of this.#accounts) {
      const account = provider.account?.(record.user) ?? 'unknown'
      if (account instanceof Promise) pending.push(account)
      else if (typeof account === 'object') return this.#bind(record, account)
      else if (account === 'unavailable') isUnavailable = true
    }
    const decide = (found: readonly Account[]): Account => {
      const owner = found.find((each) => typeof each === 'object')
      if (owner) return this.#bind(record, owner)
      // A directory that is down must not stop a program that it did not know before.
      if (isUnavailable || found.includes('unavailable')) {
        return this.#programs.has(record.user) ? programOf(record) : 'unavailable'
      }
      this.#programs.add(record.user)
      return programOf(record)
    }
    return pending.length === 0 ? decide([]) : Promise.all(pending).then(decide)
  }

  #bind(record: TokenRecord, owner: Principal): Principal {
    this.#boundForGood.set(record.digest, owner.provider)
    this.#bound.set(record.digest, owner.provider)
    this.#writeLater()
    return owner
  }

  #principalOf(record: TokenRecord, owner: Account): Principal | undefined {
    if (typeof owner === 'string') return undefined
    const now = this.#now()
    if (isLaterDay(record.used, now) && isLaterDay(this.#usedToday.get(record.digest), now)) {
      this.#usedToday.set(record.digest, now)
      this.#used.set(record.digest, now)
      this.#writeLater()
    }
    const known = this.#principals.get(record.digest)
    if (known?.record === record && isSame(known.owner, owner)) return known.principal
    const principal = principalOf(record, owner)
    if (this.#principals.size >= MAX_PRINCIPALS) this.#principals.clear()
    this.#principals.set(record.digest, { record, owner, principal })
    return principal
  }

  async #load(bytes: Buffer): Promise<void> {
    const table = await TokenTable.build(bytes)
    if (this.#closed) return
    const isNew = table.fingerprint !== this.#table?.fingerprint || table.size !== this.#table.size
    this.#table = table
    this.#hasBeenRead = true
    this.#reloads++
    if (!isNew) return
    this.#changed()
    for (const known of [this.#boundForGood, this.#usedToday]) {
      for (const digest of known.keys()) if (!table.has(digest)) known.delete(digest)
    }
    const { size, skipped } = table
    this.#tell('tokens-loaded', 'info', `${this.#file}: ${size} token${size === 1 ? '' : 's'}`)
    if (skipped.count > 0) this.#tell('tokens-skipped', 'warn', skippedText(this.#file, skipped))
  }

  #unreadable(error: NodeJS.ErrnoException): void {
    if (this.#closed) return
    // No token has been created yet. If the file existed before, its absence is an error.
    if (error.code === 'ENOENT' && !this.#hasBeenRead) {
      this.#table = TokenTable.empty
      return
    }
    this.#table = undefined
    this.#changed()
    this.#detail = `cannot read ${this.#file}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`
    this.#tell('tokens-unreadable', 'error', this.#detail)
  }

  #changed(): void {
    this.#epoch++
    for (const listener of this.#listeners) listener()
  }

  #tell(type: TokenEvent['type'], level: TokenEvent['level'], message: string): void {
    queueMicrotask(() => this.#onEvent({ type, level, message }))
  }

  #writeLater(): void {
    if (this.#writeTimer !== undefined || this.#closed) return
    const wait = Math.max(WRITE_SOON, this.#writeAfter - performance.now())
    this.#writeTimer = setTimeout(() => {
      this.#writing = this.#write().finally(() => (this.#writeTimer = undefined))
    }, wait).unref()
  }

  async #write(): Promise<void> {
    const [used, accounts, confirmed] = [this.#used, this.#bound, new Map(this.#confirmed)]
    if (used.size + accounts.size + confirmed.size === 0 || this.#table === undefined) return
    this.#used = new Map()
    this.#bound = new Map()
    const start = performance.now()
    try {
      await editFile(this.#file, { kind: 'record', updates: { used, accounts, confirmed } })
      // Logins are in the file now. Kept in memory, they would override newer ones from other processes.
      for (const [key, login] of confirmed)
        if (this.#confirmed.get(key) === login) this.#confirmed.delete(key)
      if (!this.#closed && confirmed.size > 0) await this.#watcher.read()
      this.#isWritable = true
    } catch (error) {
      if (this.#isWritable && (error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#isWritable = false
        const why = (error as Error).message
        const what = 'the last use of tokens is not recorded'
        this.#tell('tokens-unwritable', 'warn', `cannot write ${this.#file}: ${why}; ${what}`)
      }
    }
    const end = performance.now()
    this.#writeAfter = end + Math.max(WRITE_AGAIN, REST_PER_BUSY * (end - start))
  }
}

/** The owner's principal, limited by the token's role and expiry. */
function principalOf(record: TokenRecord, { expiresAt: ownersEnd, ...owner }: Principal): Principal {
  const { expires = ownersEnd, role: maxRole } = record
  const expiresAt = expires === undefined || ownersEnd === undefined ? expires : Math.min(expires, ownersEnd)
  return {
    ...owner,
    maxRole,
    via: `token ${idOf(record)}`,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
}

const isSame = (a: Principal, b: Principal): boolean =>
  a === b ||
  (a.name === b.name &&
    a.provider === b.provider &&
    a.expiresAt === b.expiresAt &&
    (a.groups === b.groups || a.groups.join('\n') === b.groups.join('\n')))

/** The token in a credential, if it has the form of one. */
export function tokenIn(credential: Credential): string | undefined {
  if (credential.kind === 'bearer') return credential.token.startsWith(PREFIX) ? credential.token : undefined
  if (credential.kind !== 'basic') return undefined
  const { password } = credential
  // Compares bytes first: most passwords are not tokens, and every request comes here.
  if (password[0] !== 0x68 || password[1] !== 0x74 || password[2] !== 0x67 || password[3] !== 0x5f)
    return undefined
  const text = password.toString('latin1')
  return isToken(text) ? text : undefined
}

const programOf = (record: TokenRecord): Principal => ({
  name: record.user,
  provider: 'token',
  groups: [],
  isService: true,
})

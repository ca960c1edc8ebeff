import { randomBytes } from 'node:crypto'
import { fileError, HtgateError } from '../../../errors.js'
import type { Algorithm } from '../../../schemes/algorithm.js'
import type { BasicCredential, Credential } from '../../credential.js'
import {
  type AuthEvent,
  eventsOf,
  hashTimedOut,
  rehashed,
  rehashFailed,
  unreadable,
  workerDied,
} from '../../events.js'
import type { Principal } from '../../principal.js'
import type {
  Account,
  Measures,
  PasswordMark,
  Provider,
  ProviderStatus,
  Refused,
  Verdict,
} from '../../provider.js'
import { VerifiedCache, type VerifiedKey } from '../../verified-cache.js'
import { Watcher } from '../../watcher.js'
import { DEFAULT_MAX_HASH_COST } from './hash-cost.js'
import { type Failure, HashPool } from './hash-pool.js'
import { wantsRehash } from './rehash.js'
import { UsersTable } from './users-table.js'

/** A source of users' groups. */
export interface GroupSource {
  /** The names of the user's groups; empty if there are none. Synchronous. */
  groupsOf(user: string): readonly string[]
  /** Calls `listener` after every change. */
  onChange(listener: () => void): void
}

export interface PasswordFileOptions {
  /** Path of the password file. It need not exist yet; until it does, no user can log in. */
  readonly file: string
  /** Maximum number of hashing threads, started on demand. */
  readonly workers: number
  /** Number of verified passwords to cache; the least recently used is dropped first. */
  readonly cacheSize: number
  /** How long a verified password stays in the cache, in milliseconds. */
  readonly cacheTtl: number
  /** Scheme and cost with which to replace weaker records at login. Default: none are replaced. */
  readonly rehash?: Algorithm | undefined
  /** Highest bcrypt cost to verify; for SHA-crypt, at most 64 × 2^maxHashCost rounds. */
  readonly maxHashCost?: number | undefined
  /** Selects the stand-ins for unknown names; must be the same in all processes. Default: random. */
  readonly key?: Buffer | undefined
  /** Default: users have no groups. */
  readonly groups?: GroupSource | undefined
  readonly onEvent?: ((event: AuthEvent) => void) | undefined
}

export interface PasswordFileProvider extends Provider {
  /**
   * Reloads the file now.
   * @throws HtgateError if it cannot be read; no user can then log in
   */
  reload(): Promise<void>
}

const NAME = 'file'
const NO_GROUPS: readonly string[] = []
/** In place of an unknown user's hash, and as long as most, so that the same is computed for every name. */
const NO_HASH = '-'.repeat(60)

/**
 * Creates a provider for the users of a password file. It watches the file, so that changes take effect within a second.
 * Resolves once the file has been read or failed to load; `onEvent` tells which.
 */
export async function createPasswordFileProvider(
  options: PasswordFileOptions,
): Promise<PasswordFileProvider> {
  const provider = new FileProvider(options)
  await provider.start()
  return provider
}

/** A login that requires hashing. */
interface Claim {
  readonly credential: BasicCredential
  /** The claimed user's stored hash, if there is one. */
  readonly encoded: string | undefined
  readonly key: VerifiedKey
}

class FileProvider implements PasswordFileProvider {
  readonly name = NAME
  readonly concurrency: number
  epoch = 0
  readonly #file: string
  readonly #key: Buffer
  readonly #maxHashCost: number
  readonly #wanted: Algorithm | undefined
  readonly #groups: GroupSource | undefined
  readonly #onEvent: (event: AuthEvent) => void
  readonly #listeners: (() => void)[] = []
  readonly #watcher: Watcher
  readonly #cache: VerifiedCache
  readonly #pool: HashPool
  /** Undefined while the file cannot be read; no user can then log in. */
  #users: UsersTable | undefined
  #detail = 'the password file has not been read yet'
  #closed = false
  /** By user: records that are being replaced by stronger ones of the same password. */
  readonly #rehashing = new Map<string, Promise<void>>()
  /** By user: records that were replaced so, until the file has been read again. */
  readonly #rehashed = new Map<string, { readonly from: string; readonly to: string }>()
  readonly #counts = { hashes: 0, rehashes: 0, reloads: 0 }

  constructor(options: PasswordFileOptions) {
    const { file, workers, cacheSize, cacheTtl, rehash, maxHashCost, key, groups, onEvent } = options
    this.concurrency = workers
    this.#file = file
    this.#key = key ?? randomBytes(32)
    this.#maxHashCost = maxHashCost ?? DEFAULT_MAX_HASH_COST
    this.#wanted = rehash
    this.#groups = groups
    this.#onEvent = onEvent ?? (() => {})
    this.#cache = new VerifiedCache(cacheSize, cacheTtl)
    this.#pool = new HashPool({ workers, onDied: (error) => this.#tell(workerDied(error)) })
    this.#watcher = new Watcher(file, {
      content: (bytes) => this.#use(bytes),
      unreadable: (error) => this.#shut(error),
    })
    groups?.onChange(() => this.#changed())
  }

  start(): Promise<void> {
    return this.#watcher.start()
  }

  accepts(credential: Credential): boolean {
    return credential.kind === 'basic'
  }

  remembered(credential: Credential): Principal | undefined {
    if (credential.kind !== 'basic' || this.#users === undefined) return undefined
    const encoded = this.#users.encodedOf(credential.user)
    const isCached = this.#cache.has(this.#cache.keyOf(credential, encoded ?? NO_HASH))
    return encoded !== undefined && isCached ? this.#principal(credential.name) : undefined
  }

  knows(credential: Credential): boolean | undefined {
    if (credential.kind !== 'basic') return false
    return this.#users && this.#users.encodedOf(credential.user) !== undefined
  }

  account(name: string): Account {
    if (this.#users === undefined) return 'unavailable'
    return this.#users.encodedOf(Buffer.from(name)) === undefined ? 'unknown' : this.#principal(name)
  }

  passwordMark(name: string, fresh = false): PasswordMark | Promise<PasswordMark> {
    const pending = fresh ? this.#rehashing.get(name) : undefined
    if (pending !== undefined) return pending.then(() => this.passwordMark(name))
    const encoded = this.#users?.encodedOf(Buffer.from(name))
    const rehashed = this.#rehashed.get(name)
    return rehashed !== undefined && rehashed.from === encoded ? rehashed.to : encoded
  }

  catchUp(): Promise<void> {
    return this.#watcher.caughtUp()
  }

  async verify(credential: Credential, _client: string, signal?: AbortSignal): Promise<Verdict> {
    if (credential.kind !== 'basic') return { ok: false, reason: 'denied', unknown: true }
    const { name: candidate } = credential
    for (;;) {
      if (this.#users === undefined) return { ok: false, reason: 'unavailable', candidate }
      const encoded = this.#users.encodedOf(credential.user)
      const claim = { credential, encoded, key: this.#cache.keyOf(credential, encoded ?? NO_HASH) }
      if (encoded !== undefined && this.#cache.has(claim.key)) {
        return { ok: true, principal: this.#principal(candidate) }
      }
      const answer = await this.#hash(claim, signal)
      if (answer === 'unavailable') return { ok: false, reason: 'unavailable', candidate }
      if (answer === 'abandoned' || answer === 'busy') return { ok: false, reason: 'busy', candidate }
      if (answer === 'timeout') this.#tell(hashTimedOut(candidate))
      if (answer !== true) return denied(candidate, encoded === undefined)
      // If the record changed meanwhile, the new one decides.
      if (this.#users?.encodedOf(credential.user) !== encoded) continue
      this.#cache.add(claim.key)
      this.#strengthen(claim)
      return { ok: true, principal: this.#principal(candidate) }
    }
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  measures(): Measures {
    return {
      counts: { ...this.#counts },
      gauges: { cached: this.#cache.size },
      sizes: { users: this.#users?.size ?? 0 },
    }
  }

  status(): ProviderStatus {
    return this.#users === undefined ? { ready: false, detail: this.#detail } : { ready: true }
  }

  async reload(): Promise<void> {
    if (this.#closed) throw new HtgateError('ERR_CLOSED', 'the password file is closed')
    await this.#watcher.read().catch((error) => {
      throw fileError(this.#file, 'read', error)
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#users = undefined
    this.#detail = 'closed'
    await Promise.all([this.#watcher.close(), this.#pool.close()])
  }

  async #use(bytes: Buffer): Promise<void> {
    const users = await UsersTable.build(bytes, this.#maxHashCost)
    if (this.#closed) return
    this.#users = users
    for (const [name, { from }] of this.#rehashed) {
      if (users.encodedOf(Buffer.from(name)) !== from) this.#rehashed.delete(name)
    }
    this.#counts.reloads++
    for (const event of eventsOf(this.#file, users, this.#maxHashCost)) this.#tell(event)
    this.#changed()
  }

  #shut(error: Error): void {
    const why = fileError(this.#file, 'read', error)
    this.#users = undefined
    this.#detail = why.message
    this.#tell(unreadable(why))
    this.#changed()
  }

  #changed(): void {
    this.epoch++
    for (const listener of this.#listeners) listener()
  }

  /** Asynchronous, so that an exception in the callback cannot keep the file from being read. */
  #tell(event: AuthEvent): void {
    queueMicrotask(() => this.#onEvent(event))
  }

  #principal(name: string): Principal {
    return { name, provider: NAME, groups: this.#groups?.groupsOf(name) ?? NO_GROUPS }
  }

  /** For an unknown user, verifies against a stand-in and ignores the result, to take as long as for a wrong password. */
  async #hash({ credential, encoded }: Claim, signal: AbortSignal | undefined): Promise<boolean | Failure> {
    const users = this.#users as UsersTable
    // For a known user as well, so that both take the same time.
    const standIn = users.standInFor(credential.user, this.#key)
    const canVerify = users.canVerify(encoded ?? standIn ?? NO_HASH)
    const isOwn = encoded !== undefined && canVerify
    const stored = isOwn ? encoded : standIn
    if (stored === undefined) return false // No user can log in, so there is nothing to hide.
    const password = Uint8Array.from(credential.password)
    const answer = await this.#pool.ask({ task: 'verify', password, encoded: stored }, signal)
    if (typeof answer === 'string') return answer
    this.#counts.hashes++
    return answer === true && isOwn
  }

  /** After a successful login, replaces a record that is weaker than required, and caches the login with the new one. */
  #strengthen({ credential, encoded }: Claim): void {
    const wanted = this.#wanted
    const { name } = credential
    if (wanted === undefined || encoded === undefined || this.#rehashing.has(name)) return
    const password = Uint8Array.from(credential.password)
    if (!wantsRehash(password, encoded, wanted)) return
    const work = this.#rehash(credential, password, encoded, wanted)
    this.#rehashing.set(
      name,
      work.finally(() => this.#rehashing.delete(name)),
    )
  }

  async #rehash(
    credential: BasicCredential,
    password: Uint8Array<ArrayBuffer>,
    encoded: string,
    wanted: Algorithm,
  ): Promise<void> {
    const { name } = credential
    const user = Uint8Array.from(credential.user)
    const question = { task: 'rehash', file: this.#file, user, password, encoded, wanted } as const
    const answer = await this.#pool.ask(question)
    if (typeof answer !== 'object') return // Busy or closed; the next login tries again.
    if ('failure' in answer) {
      const { code, message } = answer.failure
      return this.#tell(rehashFailed(name, new HtgateError(code, message)))
    }
    if (answer.stronger === undefined) return
    const { encoded: to, isNew } = answer.stronger
    this.#rehashed.set(name, { from: encoded, to })
    this.#cache.add(this.#cache.keyOf(credential, to))
    if (!isNew) return
    this.#counts.rehashes++
    this.#tell(rehashed(this.#file, name, wanted.scheme))
  }
}

const denied = (candidate: string, isUnknown: boolean): Refused =>
  isUnknown
    ? { ok: false, reason: 'denied', candidate, unknown: true }
    : { ok: false, reason: 'denied', candidate }

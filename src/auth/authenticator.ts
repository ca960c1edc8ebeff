import { fileError, HtgateError } from '../errors.js'
import { type Credentials, parseCredentials } from './credentials.js'
import { type AuthEvent, eventsOf, rehashed, rehashFailed, unreadable, workerDied } from './events.js'
import { type Failure, HashWorkers } from './hash-workers.js'
import { type AuthenticatorOptions, type Settings, settingsOf } from './options.js'
import { wantsRehash } from './rehash.js'
import { isUsable, UsersTable } from './users-table.js'
import { VerifiedCache, type VerifiedKey } from './verified-cache.js'
import { Watcher } from './watcher.js'

/** Why a request is not let in. */
export type Reason =
  /** No `Authorization` header, or one of another scheme than Basic. Answer 401. */
  | 'no-credentials'
  /** Two headers, or one that RFC 7617 does not allow. Answer 401. */
  | 'malformed'
  /** Unknown user or wrong password; nothing tells which. Answer 401. */
  | 'denied'
  /** Too many passwords wait to be hashed. Answer 503 with Retry-After. */
  | 'busy'
  /** The password file cannot be read, or the authenticator is closed. Answer 503. */
  | 'unavailable'

export type Verdict =
  | { readonly ok: true; readonly user: string }
  /** `user`: the name that was claimed, when the credentials could be read. */
  | { readonly ok: false; readonly reason: Reason; readonly user?: string }

/** The values of a request's `Authorization` headers: `request.headersDistinct.authorization`. */
export type Authorization = string | readonly string[] | undefined

/** What happened since the start; and, the last three, what is the case now. */
export interface Counters {
  /** Let in without a hash. */
  readonly hits: number
  /** Verified by a hash, whether right or wrong. */
  readonly misses: number
  readonly noCredentials: number
  readonly malformed: number
  readonly denied: number
  readonly busy: number
  readonly unavailable: number
  /** Passwords hashed; fewer than misses where several requests shared one. */
  readonly hashes: number
  /** Records replaced by stronger ones. */
  readonly rehashes: number
  /** Readings of the file that succeeded, the first included. */
  readonly reloads: number
  /** Users in the file. */
  readonly users: number
  /** Passwords that wait for a worker. */
  readonly queued: number
  /** Passwords that are remembered. */
  readonly cached: number
}

export interface Authenticator {
  readonly realm: string
  /**
   * Who sent the request. Not a promise where no hash is needed: a password that is remembered, or no credentials that
   * can be read. Never rejects.
   *
   * `client`, an address for one, is whose turn it is: where passwords wait for a worker, they take turns by client and
   * claimed user, so that a flood of guesses holds up nobody else.
   */
  authenticate(authorization: Authorization, client?: string): Verdict | Promise<Verdict>
  /** As `authenticate`, but undefined where that would start a hash. */
  remembered(authorization: Authorization): Verdict | undefined
  /**
   * Reads the file again now.
   * @throws HtgateError if it cannot be read; nobody gets in then
   */
  reload(): Promise<void>
  counters(): Counters
  /** Ends the threads and timers. Who waits, and who comes later, is answered `unavailable`. */
  close(): Promise<void>
}

/**
 * Answers who sent a request, by a password file that it watches: a change counts within a second.
 * Resolves when the file has been read, or found unreadable: `onEvent` is told which.
 *
 * @example
 * const authenticator = await createAuthenticator({ file: '.htpasswd', realm: 'The lab' })
 * await authenticator.authenticate('Basic YW5uOnNlY3JldA==') // → { ok: true, user: 'ann' }
 * await authenticator.authenticate('Basic YW5uOndyb25n') // → { ok: false, reason: 'denied', user: 'ann' }
 * await authenticator.close()
 *
 * @throws HtgateError ERR_OPTION
 */
export async function createAuthenticator(options: AuthenticatorOptions): Promise<Authenticator> {
  const authenticator = new FileAuthenticator(settingsOf(options))
  await authenticator.start()
  return authenticator
}

/** Credentials that nothing is known of without a hash. */
interface Claim {
  readonly credentials: Credentials
  readonly name: string
  /** The claimed user's stored hash, if there is one. */
  readonly encoded: string | undefined
  readonly key: VerifiedKey
}

class FileAuthenticator implements Authenticator {
  readonly realm: string
  readonly #file: string
  readonly #onEvent: (event: AuthEvent) => void
  readonly #watcher: Watcher
  readonly #cache: VerifiedCache
  readonly #workers: HashWorkers
  readonly #wanted: Settings['rehash']
  /** Undefined while the file cannot be read: nobody gets in then. */
  #users: UsersTable | undefined
  #closed = false
  /** Users whose records are being replaced. */
  readonly #rehashing = new Set<string>()
  /** What is being hashed, for others that ask the same meanwhile. */
  readonly #underWay = new Map<VerifiedKey, Promise<boolean | Failure>>()
  readonly #counts = {
    hits: 0,
    misses: 0,
    noCredentials: 0,
    malformed: 0,
    denied: 0,
    busy: 0,
    unavailable: 0,
    hashes: 0,
    rehashes: 0,
    reloads: 0,
  }

  constructor({ file, realm, workers, queue, cacheSize, cacheTtl, onEvent, rehash }: Settings) {
    this.realm = realm
    this.#file = file
    this.#onEvent = onEvent
    this.#wanted = rehash
    this.#cache = new VerifiedCache(cacheSize, cacheTtl)
    this.#workers = new HashWorkers({ workers, queue, onDied: (error) => this.#tell(workerDied(error)) })
    this.#watcher = new Watcher(file, {
      content: (bytes) => this.#use(bytes),
      unreadable: (error) => this.#shut(error),
    })
  }

  start(): Promise<void> {
    return this.#watcher.start()
  }

  authenticate(authorization: Authorization, client = ''): Verdict | Promise<Verdict> {
    const known = this.#look(authorization)
    return 'key' in known ? this.#decide(known, client) : known
  }

  remembered(authorization: Authorization): Verdict | undefined {
    const known = this.#look(authorization)
    return 'key' in known ? undefined : known
  }

  async reload(): Promise<void> {
    if (this.#closed) throw new HtgateError('ERR_CLOSED', 'the authenticator is closed')
    await this.#watcher.read().catch((error) => {
      throw fileError(this.#file, 'read', error)
    })
  }

  counters(): Counters {
    return {
      ...this.#counts,
      users: this.#users?.size ?? 0,
      queued: this.#workers.waiting,
      cached: this.#cache.size,
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#users = undefined
    await Promise.all([this.#watcher.close(), this.#workers.close()])
  }

  async #use(bytes: Buffer): Promise<void> {
    const users = await UsersTable.build(bytes)
    if (this.#closed) return
    this.#users = users
    this.#counts.reloads++
    for (const event of eventsOf(this.#file, users)) this.#tell(event)
  }

  #shut(error: Error): void {
    this.#users = undefined
    this.#tell(unreadable(fileError(this.#file, 'read', error)))
  }

  /** In a turn of its own: a mistake in the callback is not to keep the file from being read. */
  #tell(event: AuthEvent): void {
    queueMicrotask(() => this.#onEvent(event))
  }

  #refuse(reason: Reason, user?: string): Verdict {
    this.#counts[reason === 'no-credentials' ? 'noCredentials' : reason]++
    return user === undefined ? { ok: false, reason } : { ok: false, reason, user }
  }

  #look(authorization: Authorization): Verdict | Claim {
    const credentials = parseCredentials(authorization)
    return typeof credentials === 'string' ? this.#refuse(credentials) : this.#recall(credentials)
  }

  #recall(credentials: Credentials): Verdict | Claim {
    const name = credentials.user.toString()
    if (this.#users === undefined) return this.#refuse('unavailable', name)
    const encoded = this.#users.encodedOf(credentials.user)
    const key = this.#cache.keyOf(credentials, encoded ?? '')
    if (encoded === undefined || !this.#cache.has(key)) return { credentials, name, encoded, key }
    this.#counts.hits++
    return { ok: true, user: name }
  }

  async #decide(claim: Claim, client: string): Promise<Verdict> {
    const { credentials, name, encoded, key } = claim
    this.#counts.misses++
    const answer = await this.#verify(claim, client)
    if (answer === 'busy' || answer === 'unavailable') return this.#refuse(answer, name)
    if (!answer) return this.#refuse('denied', name)
    if (this.#users?.encodedOf(credentials.user) !== encoded) {
      // The record was changed meanwhile.
      const known = this.#recall(credentials)
      return 'key' in known ? this.#decide(known, client) : known
    }
    this.#cache.add(key)
    this.#strengthen(claim, client)
    return { ok: true, user: name }
  }

  /** Replaces a record that is weaker than asked for, after the user was let in by it, and remembers the new one. */
  async #strengthen({ credentials, name, encoded }: Claim, client: string): Promise<void> {
    const wanted = this.#wanted
    if (wanted === undefined || encoded === undefined || this.#rehashing.has(name)) return
    const password = Uint8Array.from(credentials.password)
    if (!wantsRehash(password, encoded, wanted)) return
    this.#rehashing.add(name)
    const user = Uint8Array.from(credentials.user)
    const question = { task: 'rehash', file: this.#file, user, password, encoded, wanted } as const
    const answer = await this.#workers.ask(question, { client, user: name })
    this.#rehashing.delete(name)
    if (typeof answer !== 'object') return // Busy, or closed: another login will do.
    if ('failure' in answer) {
      const { code, message } = answer.failure
      return this.#tell(rehashFailed(name, new HtgateError(code, message)))
    }
    if (answer.fresh === undefined) return
    this.#counts.rehashes++
    this.#cache.add(this.#cache.keyOf(credentials, answer.fresh))
    this.#tell(rehashed(this.#file, name, wanted.scheme))
  }

  /** Whether the password is the user's. Who asks the same at the same time shares the hash. */
  #verify(claim: Claim, client: string): Promise<boolean | Failure> {
    let answer = this.#underWay.get(claim.key)
    if (answer === undefined) {
      answer = this.#hash(claim, client).finally(() => this.#underWay.delete(claim.key))
      this.#underWay.set(claim.key, answer)
    }
    return answer
  }

  /** An unknown user takes as long as a wrong password: somebody else's hash is computed, and not looked at. */
  async #hash({ credentials, name, encoded }: Claim, client: string): Promise<boolean | Failure> {
    const isOwn = encoded !== undefined && isUsable(encoded)
    const stored = isOwn ? encoded : this.#users?.decoyFor(credentials.user)
    if (stored === undefined) return false // Nobody has a hash: there is nothing to hide.
    const password = Uint8Array.from(credentials.password)
    const question = { task: 'verify', password, encoded: stored } as const
    const answer = await this.#workers.ask(question, { client, user: name })
    if (answer === 'busy' || answer === 'unavailable') return answer
    this.#counts.hashes++
    return answer === true && isOwn
  }
}

import { createHmac, randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { type AuthEvent, clientLimited, failedLogins } from './events.js'
import { type Clock, FailureCounter, monotonic } from './failure-counter.js'
import { Oldest } from './oldest.js'

// Slows and limits guessing. Failures are counted by client, and by client and user, so users cannot be locked out from
// other addresses. Cached logins never come here. The same wrong password counts once: a forgotten script with last year's
// password is not an attack, and must not lock out its owner.
//
// If a team shares one address, a member or an attacker may use up a user's failures there. Passwords that have worked from
// there before then still work. Of all others, one is verified every half minute, and the rest get 429 until five minutes
// after the first failure.

/** How long failures count, in milliseconds. */
const WINDOW = 5 * 60_000
/** Failures of one client, with any users, before delays start. */
const FREE = 3
/** Each further failure adds this much to the delay, up to `MAX_DELAY`; in milliseconds. */
const DELAY_STEP = 250
const MAX_DELAY = 10_000
/**
 * Most responses to delay at a time, as each occupies a connection. Any further login that needs a delay gets `busy` without
 * being verified: otherwise an attacker with enough connections could guess without delay.
 */
const MAX_DELAYED = 1000
/** Past the limit, one password is verified per this time, in milliseconds. */
const TRICKLE = 30_000
/** Most digests of right and of wrong passwords, and most users past their limit, to keep; the oldest is dropped. */
const MAX_KNOWN = 10_000
/** How often to report the number of failures, in milliseconds. */
const SUMMARY = 60_000

/** Options of the login limiter. */
export interface LimiterOptions {
  /**
   * Different wrong passwords allowed per client and user within five minutes; further ones get `limited`. 0 delays failed
   * logins without a limit. 0 to 1,000,000. Default 10.
   */
  readonly failures?: number | undefined
}

export interface LoginLimiterOptions extends LimiterOptions {
  /** Shared by all processes that exchange records. Default: a random one. */
  readonly key?: Buffer | undefined
  readonly onEvent?: ((event: AuthEvent) => void) | undefined
  /** Called with records that the other processes must `receive`. */
  readonly onRecord?: ((record: LoginRecord) => void) | undefined
  readonly clock?: Clock | undefined
}

/** What one process tells the others about a verified login. Plain JSON. */
export interface LoginRecord {
  readonly kind: 'success' | 'failure'
  /** The client's address; its /64 network for IPv6. */
  readonly client: string
  readonly user: string
  /** A keyed digest of client, user and password. */
  readonly id: string
}

/** A login to verify. */
export interface Attempt {
  readonly client: string
  readonly user: string
  readonly id: string
  /** Whether it counts as a failure until it succeeds. */
  counted: boolean
}

export class LoginLimiter {
  readonly #limit: number
  readonly #key: Buffer
  readonly #now: Clock
  readonly #onEvent: (event: AuthEvent) => void
  readonly #onRecord: (record: LoginRecord) => void
  readonly #byUser: FailureCounter
  readonly #byClient: FailureCounter
  /** Digests of right logins, which others' failures do not limit. */
  readonly #right = new Digests()
  /** Digests of wrong logins within the window. */
  readonly #wrong: FailureCounter
  /** When the next password is verified, for users past their limit. */
  readonly #trickle = new Map<string, number>()
  readonly #oldestTrickle = new Oldest(this.#trickle)
  /** Ends the delay of each delayed response. */
  readonly #delays = new Set<() => void>()
  #failures = 0
  #summary: NodeJS.Timeout | undefined

  constructor({ failures = 10, key, onEvent, onRecord, clock = monotonic }: LoginLimiterOptions = {}) {
    this.#limit = failures
    this.#key = key ?? randomBytes(32)
    this.#now = clock
    this.#onEvent = onEvent ?? (() => {})
    this.#onRecord = onRecord ?? (() => {})
    this.#byUser = new FailureCounter(WINDOW, clock)
    this.#byClient = new FailureCounter(WINDOW, clock)
    this.#wrong = new FailureCounter(WINDOW, clock)
  }

  /** @param secret the password or token */
  attempt(address: string, user: string, secret: Uint8Array): Attempt {
    const client = networkOf(address)
    const hmac = createHmac('sha256', this.#key)
    for (const part of [Buffer.from(client), Buffer.from(user)]) hmac.update(`${part.length} `).update(part)
    return { client, user, id: hmac.update(secret).digest('base64'), counted: false }
  }

  /** Seconds to wait if too many attempts have failed; undefined if this one may proceed. */
  limited(attempt: Attempt): number | undefined {
    const key = keyOf(attempt)
    if (this.#limit === 0 || this.#byUser.count(key) < this.#limit || this.#right.has(attempt.id)) return
    if (this.#now() >= (this.#trickle.get(key) ?? Number.POSITIVE_INFINITY)) return
    return Math.max(1, Math.ceil(this.#byUser.remaining(key) / 1000))
  }

  /** Whether this attempt needs a delay, but too many responses are already delayed. */
  isFull(attempt: Attempt): boolean {
    return this.#delays.size >= MAX_DELAYED && this.delayOf(attempt) > 0 && !this.#right.has(attempt.id)
  }

  /** Starts an attempt. It counts as failed until it succeeds; otherwise simultaneous guesses would all pass the limit. */
  begin(attempt: Attempt): void {
    if (this.#wrong.count(attempt.id) > 0) return
    const key = keyOf(attempt)
    attempt.counted = true
    if (this.#byUser.add(key) >= this.#limit && this.#limit > 0) this.#startTrickle(key)
  }

  /** The attempt was not verified. */
  cancel(attempt: Attempt): void {
    if (attempt.counted) this.#byUser.remove(keyOf(attempt))
  }

  succeed(attempt: Attempt): void {
    // A login that was right before must not erase the failures of others each time.
    if (this.#right.has(attempt.id)) this.cancel(attempt)
    this.#recordSuccess(attempt)
    this.#onRecord(recordOf('success', attempt))
  }

  fail(attempt: Attempt): void {
    this.#right.delete(attempt.id)
    this.#wrong.add(attempt.id)
    this.#byClient.add(attempt.client)
    this.#onRecord(recordOf('failure', attempt))
    this.#summarize()
    if (attempt.counted && this.#byUser.count(keyOf(attempt)) === this.#limit) {
      this.#onEvent(clientLimited(this.#limit, WINDOW / 1000, attempt.client, attempt.user))
    }
  }

  /** Receives a record from another process. */
  receive({ kind, ...attempt }: LoginRecord): void {
    if (kind === 'success') {
      this.#recordSuccess(attempt)
      return
    }
    this.#byClient.add(attempt.client)
    if (this.#wrong.count(attempt.id) === 0) {
      if (this.#byUser.add(keyOf(attempt)) === this.#limit) this.#startTrickle(keyOf(attempt))
    }
    this.#wrong.add(attempt.id)
  }

  /** Whether this client has recent failed logins. */
  isSuspect(client: string): boolean {
    return this.#byClient.count(client) > 0
  }

  /**
   * The delay of an attempt's response, in milliseconds. Attempts for its user that are still being verified count as failures:
   * otherwise a flood of guesses would get its refusals at once until the first ones have been verified.
   */
  delayOf({ client, user }: Pick<Attempt, 'client' | 'user'>): number {
    const ofUser = this.#byUser.count(keyOf({ client, user }))
    const isLimited = this.#limit > 0 && ofUser >= this.#limit
    const failures = Math.max(this.#byClient.count(client), ofUser, isLimited ? FREE + 1 : 0)
    return Math.max(0, Math.min(MAX_DELAY, (failures - FREE) * DELAY_STEP))
  }

  /** Resolves after the attempt's delay, or at once if `signal` aborts. */
  async delay(attempt: Attempt, signal?: AbortSignal): Promise<void> {
    const ms = this.delayOf(attempt)
    if (ms === 0 || this.#delays.size >= MAX_DELAYED || signal?.aborted) return
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        this.#delays.delete(done)
        resolve()
      }
      // Keeps the process alive: a login is pending.
      const timer = setTimeout(done, ms)
      signal?.addEventListener('abort', done)
      this.#delays.add(done)
    })
  }

  /** Number of delayed responses. */
  get delayed(): number {
    return this.#delays.size
  }

  /** Stops timers, and ends all delays. */
  close(): void {
    clearTimeout(this.#summary)
    for (const done of this.#delays) done()
  }

  #recordSuccess(attempt: Omit<LoginRecord, 'kind'>): void {
    if (!this.#right.has(attempt.id)) {
      this.#byUser.forget(keyOf(attempt))
      this.#trickle.delete(keyOf(attempt))
    }
    this.#right.add(attempt.id)
    this.#wrong.forget(attempt.id)
  }

  #startTrickle(key: string): void {
    this.#trickle.delete(key)
    this.#trickle.set(key, this.#now() + TRICKLE)
    if (this.#trickle.size > MAX_KNOWN) this.#oldestTrickle.drop()
  }

  #summarize(): void {
    this.#failures++
    this.#summary ??= setTimeout(() => {
      this.#onEvent(failedLogins(this.#failures))
      this.#failures = 0
      this.#summary = undefined
    }, SUMMARY).unref()
  }
}

class Digests {
  readonly #digests = new Map<string, true>()
  readonly #oldest = new Oldest(this.#digests)

  has(digest: string): boolean {
    return this.#digests.has(digest)
  }

  add(digest: string): void {
    this.#digests.delete(digest)
    this.#digests.set(digest, true)
    if (this.#digests.size > MAX_KNOWN) this.#oldest.drop()
  }

  delete(digest: string): void {
    this.#digests.delete(digest)
  }
}

const keyOf = ({ client, user }: { readonly client: string; readonly user: string }): string =>
  `${client} ${user}`

const recordOf = (kind: LoginRecord['kind'], { client, user, id }: Attempt): LoginRecord => ({
  kind,
  client,
  user,
  id,
})

/** The client that failures are counted for. For IPv6, that is the /64 network: one host usually has all its addresses. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array<string>(Math.max(0, 8 - groups.length - last.length)).fill('0')
  return [...groups, ...(tail === undefined ? [] : zeros), ...last]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}

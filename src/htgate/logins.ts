import { createHmac } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Authenticator, Authorization, Verdict } from '../auth/authenticator.js'
import { parseCredentials } from '../auth/credentials.js'
import type { Log } from '../operations/log.js'
import { Failures } from './failures.js'
import { Line } from './line.js'
import { notices } from './messages.js'

// Who has not been let in before has to wait after a wrong password, and is turned away after a few. What is counted
// are failures of one client with one user: nobody can lock out another, by guesses from elsewhere, and a password that
// is remembered never comes here.

export type Outcome =
  | Verdict
  | { readonly ok: false; readonly reason: 'limited'; readonly user: string; readonly retryAfter: number }

/** How long failures count, in milliseconds. */
const WINDOW = 5 * 60_000
/** Failures of one client, whatever the user, that are answered at once. */
const FREE = 3
/** By how much, in milliseconds, each further one is answered later, and what is most. */
const STEP = 250
const LONGEST = 10_000
/** Answers that are held back at most; each keeps a connection. Beyond that, who would have to wait is not heard. */
const MOST_HELD = 1000

/** Logins that succeeded and are known again; beyond that the oldest is forgotten. */
const MOST_KNOWN = 10_000
const MINUTE = 60_000

/** What a failed login is counted under. */
export interface Failure {
  readonly client: string
  readonly user: string
}

/** A login for which a password was hashed, and was right. */
export interface Success extends Failure {
  /** A digest of client, user and password. */
  readonly id: string
}

export class Logins {
  readonly #authenticator: Authenticator
  /** Failures that a client may have with one user; 0 for any number. */
  readonly #limit: number
  readonly #byUser = new Failures(WINDOW)
  readonly #byClient = new Failures(WINDOW)
  /** Digests of attempts that succeeded: others' guesses do not turn away whoever was in before. */
  readonly #known = new Set<string>()
  readonly #key: Buffer
  readonly #line: Line
  readonly #log: Log
  /** Failures that were not yet told of. */
  #untold = 0
  /** Equal attempts from one client count once: a browser sends many at the same time. */
  readonly #underWay = new Map<string, Promise<Outcome>>()
  #held = 0

  /** Told of each failed login. */
  onFailure: (failure: Failure) => void = () => {}
  /** Told of each login that took a hash and succeeded. */
  onSuccess: (success: Success) => void = () => {}

  /**
   * @param threads how many passwords can be hashed at a time
   * @param key for the digests of logins
   */
  constructor(authenticator: Authenticator, limit: number, threads: number, log: Log, key: Buffer) {
    this.#authenticator = authenticator
    this.#limit = limit
    this.#line = new Line(threads)
    this.#log = log
    this.#key = key
  }

  /** Who sent a request. Not a promise where no password has to be hashed. */
  check(authorization: Authorization, address: string): Outcome | Promise<Outcome> {
    const known = this.#authenticator.remembered(authorization)
    if (known) return known
    const client = network(address)
    const attempt = `${client} ${authorization}`
    let outcome = this.#underWay.get(attempt)
    if (outcome === undefined) {
      outcome = this.#attempt(authorization, client).finally(() => this.#underWay.delete(attempt))
      this.#underWay.set(attempt, outcome)
    }
    return outcome
  }

  /** Counts a failure that another process has seen. */
  count({ client, user }: Failure): void {
    this.#byUser.add(`${client} ${user}`)
    this.#byClient.add(client)
  }

  /** Takes note of a success that another process has seen. */
  welcome({ client, user, id }: Success): void {
    if (!this.#known.has(id)) this.#byUser.forget(`${client} ${user}`)
    this.#remember(id)
  }

  async #attempt(authorization: Authorization, client: string): Promise<Outcome> {
    const user = claimedUser(authorization)
    const key = `${client} ${user}`
    const id = createHmac('sha256', this.#key).update(`${client} ${authorization}`).digest('base64')
    const isLimited = () => this.#isLimited(key) && !this.#known.has(id)
    if (isLimited()) return this.#hold(client, this.#limited(key, user))
    const busy = { ok: false, reason: 'busy', user } as const
    // Or whoever opens enough connections would be told at once whether a guess is right.
    if (this.#held >= MOST_HELD && this.#waitOf(client) > 0 && !this.#known.has(id)) return busy
    if (!(await this.#line.enter(client))) return this.#hold(client, busy)
    let verdict: Verdict
    try {
      if (isLimited()) return this.#hold(client, this.#limited(key, user))
      // Counted beforehand, or guesses that come at the same time would all be let through.
      this.#byUser.add(key)
      verdict = await this.#authenticator.authenticate(authorization, client)
    } finally {
      this.#line.leave(client)
    }
    if (verdict.ok) {
      if (this.#known.has(id)) this.#byUser.remove(key)
      this.welcome({ client, user, id })
      this.onSuccess({ client, user, id })
      return verdict
    }
    if (verdict.reason !== 'denied') {
      this.#byUser.remove(key)
      return verdict
    }
    this.#known.delete(id)
    this.#byClient.add(client)
    this.onFailure({ client, user })
    this.#tell(key, client, user)
    return this.#hold(client, verdict)
  }

  #remember(id: string): void {
    this.#known.delete(id)
    this.#known.add(id)
    if (this.#known.size <= MOST_KNOWN) return
    for (const oldest of this.#known) {
      this.#known.delete(oldest)
      return
    }
  }

  #isLimited(key: string): boolean {
    return this.#limit > 0 && this.#byUser.count(key) >= this.#limit
  }

  #limited(key: string, user: string): Outcome {
    return {
      ok: false,
      reason: 'limited',
      user,
      retryAfter: Math.ceil(this.#byUser.remaining(key) / 1000),
    }
  }

  #tell(key: string, client: string, user: string): void {
    if (this.#byUser.count(key) === this.#limit) {
      this.#log.event('warn', notices.turnedAway(this.#limit, WINDOW / 1000), { client, user })
    }
    if (this.#untold++ > 0) return
    setTimeout(() => {
      this.#log.event('warn', notices.failedLogins(this.#untold))
      this.#untold = 0
    }, MINUTE).unref()
  }

  /** In milliseconds. */
  #waitOf(client: string): number {
    return Math.min(LONGEST, (this.#byClient.count(client) - FREE) * STEP)
  }

  /** The more a client has failed, the longer it waits for the next answer. */
  async #hold(client: string, outcome: Outcome): Promise<Outcome> {
    const wait = this.#waitOf(client)
    if (wait > 0 && this.#held < MOST_HELD) {
      this.#held++
      await delay(wait, undefined, { ref: false })
      this.#held--
    }
    return outcome
  }
}

function claimedUser(authorization: Authorization): string {
  const credentials = parseCredentials(authorization)
  return typeof credentials === 'string' ? '' : credentials.user.toString()
}

/** Whoever has one IPv6 address has 2^64 of them. */
function network(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').length
  return [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...(tail?.split(':') ?? [])]
    .slice(0, 4)
    .join(':')
}

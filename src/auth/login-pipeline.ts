import { randomBytes } from 'node:crypto'
import { type LoginCounters, noResults, type ProviderCounters } from './counters.js'
import type { Credential } from './credential.js'
import { type Clock, FailureCounter, monotonic } from './failure-counter.js'
import { KeyedHash } from './keyed-hash.js'
import { type Attempt, type LoginLimiter, networkOf } from './login-limiter.js'
import type { Principal } from './principal.js'
import type { Granted, Provider, ProviderStatus, Refused, Verdict } from './provider.js'
import { isOver, ProviderChain } from './provider-chain.js'

// Every login takes this path:
//
//   remembered -> limiter -> single flight -> fair queue -> provider
//
// Logins in a provider's cache succeed synchronously. All others pass the limiter. Equal concurrent ones share one verdict,
// and each provider has its own queue, in which clients and users take turns.

/** How long a failed login makes a client a suspect, if there is no limiter; in milliseconds. */
const SUSPICION = 60_000
/** Default number of logins that may wait for each provider. */
export const DEFAULT_QUEUE = 256

export interface LoginPipelineOptions {
  /** In the order of the chain. */
  readonly providers: readonly Provider[]
  /** Default: none, so logins are neither delayed nor limited. */
  readonly limiter?: LoginLimiter | undefined
  /** Number of logins that may wait for each provider; further ones get `busy`. Default 256. */
  readonly queue?: number | undefined
  /** A secret that all processes share. Default: random. */
  readonly key?: Buffer | undefined
  readonly clock?: Clock | undefined
}

/** A refused login; `no-credentials` if no provider accepts this kind of credential. */
export type Refusal = Omit<Refused, 'reason' | 'unknown'> & {
  readonly reason: Refused['reason'] | 'no-credentials'
}

export type LoginVerdict = Granted | Refusal

/** The current state of an open connection's login. */
export type Recheck =
  | { readonly is: 'same' }
  /** Still valid, but with other groups, role or expiry. */
  | { readonly is: 'changed'; readonly principal: Principal }
  | { readonly is: 'revoked' }
  /** The provider is busy or unavailable; ask again later. */
  | { readonly is: 'unknown' }

/** Equal logins that share one verdict. */
interface Flight {
  readonly verdict: Promise<Verdict>
  readonly abort: AbortController
  /** Attempts by client, since a flight counts once for each client. */
  readonly attempts: Map<string, Attempt>
  waiting: number
}

export class LoginPipeline {
  readonly #providers: readonly Provider[]
  readonly #chain: ProviderChain
  readonly #limiter: LoginLimiter | undefined
  readonly #failures: FailureCounter
  readonly #flights = new Map<string, Flight>()
  readonly #digest = new KeyedHash(randomBytes(32))
  readonly #results = noResults()
  #asked = 0
  #closed = false

  constructor({ providers, limiter, queue = DEFAULT_QUEUE, key, clock = monotonic }: LoginPipelineOptions) {
    this.#providers = providers
    this.#chain = new ProviderChain(providers, queue, clock, key)
    this.#limiter = limiter
    this.#failures = new FailureCounter(SUSPICION, clock)
  }

  /**
   * Judges the credential of a request. Returns a promise only if a provider is needed. Never rejects.
   *
   * @param address the client's address
   * @param signal aborts when the client disconnects
   */
  login(credential: Credential, address: string, signal?: AbortSignal): LoginVerdict | Promise<LoginVerdict> {
    const known = this.remembered(credential)
    if (known !== undefined) return known
    const refusal = this.#refusalOf(credential)
    return refusal === undefined ? this.#attempt(credential, address, signal) : this.#count(refusal)
  }

  /** Like `login`, but undefined if a provider is needed or the login is refused. */
  remembered(credential: Credential): Granted | undefined {
    if (this.#closed || isEmpty(credential)) return undefined
    const principal = this.#chain.remembered(credential)
    if (principal === undefined) return undefined
    this.#results.remembered++
    return { ok: true, principal }
  }

  /** Counts a request that was refused for lack of a valid credential. */
  countRefusal(reason: 'no-credentials' | 'malformed'): void {
    this.#results[reason]++
  }

  /** Counts a request that the caller admitted because it remembers the connection's login. */
  countRemembered({ provider }: Principal): void {
    this.#results.remembered++
    const lane = this.#chain.lanes.find((lane) => lane.provider.name === provider)
    if (lane) lane.results.remembered++
  }

  /** Changes whenever a login may have been revoked. */
  get epoch(): number {
    let sum = 0
    for (const { epoch } of this.#providers) sum += epoch
    return sum
  }

  /** Calls `listener` after every change of `epoch`. */
  onChange(listener: () => void): void {
    for (const provider of this.#providers) provider.onChange(listener)
  }

  /** Verifies the login of an open connection again. Counts nothing, and is neither limited nor delayed. */
  async recheck(credential: Credential, principal: Principal, address: string): Promise<Recheck> {
    if (this.#closed) return { is: 'unknown' }
    if (isOver(principal)) return { is: 'revoked' }
    const known = this.#chain.remembered(credential)
    if (known !== undefined) return compare(principal, known)
    const flight = this.#join(this.#keyOf(credential), credential, networkOf(address), undefined)
    const verdict = await flight.verdict.finally(() => this.#leave(flight))
    if (verdict.ok) return compare(principal, verdict.principal)
    return { is: verdict.reason === 'denied' ? 'revoked' : 'unknown' }
  }

  /** Ready if all providers are. */
  status(): { readonly ready: boolean; readonly providers: Readonly<Record<string, ProviderStatus>> } {
    const providers: Record<string, ProviderStatus> = {}
    for (const provider of this.#providers) providers[provider.name] = provider.status()
    return { ready: !this.#closed && Object.values(providers).every(({ ready }) => ready), providers }
  }

  counters(): LoginCounters {
    const providers: Record<string, ProviderCounters> = {}
    for (const { provider, results, waiting } of this.#chain.lanes) {
      const measures = provider.measures?.() ?? { counts: {}, gauges: {}, sizes: {} }
      providers[provider.name] = { ...measures, results: { ...results }, waiting }
    }
    return {
      results: { ...this.#results },
      asked: this.#asked,
      delayed: this.#limiter?.delayed ?? 0,
      providers,
    }
  }

  /** Closes the providers. Waiting and later logins get `unavailable`. */
  async close(): Promise<void> {
    this.#closed = true
    for (const lane of this.#chain.lanes) lane.close()
    this.#limiter?.close()
    await Promise.all(this.#providers.map((provider) => provider.close()))
  }

  /** Why a login is refused without a provider; undefined if one is needed. */
  #refusalOf(credential: Credential): Refusal | undefined {
    const candidate = candidateOf(credential)
    if (this.#closed) return { ok: false, reason: 'unavailable', ...candidate }
    if (!this.#chain.accepts(credential)) return { ok: false, reason: 'no-credentials', ...candidate }
    if (isEmpty(credential)) return { ok: false, reason: 'denied', ...candidate }
    return undefined
  }

  async #attempt(credential: Credential, address: string, signal?: AbortSignal): Promise<LoginVerdict> {
    const candidate = candidateOf(credential)
    const client = networkOf(address)
    // Tokens and sessions cannot be guessed, and several expired ones from one address are not an attack.
    const limiter = credential.kind === 'basic' ? this.#limiter : undefined
    const attempt = limiter?.attempt(client, userOf(credential), secretOf(credential))
    const key = this.#keyOf(credential)
    this.#asked++
    if (limiter && attempt && !this.#flights.get(key)?.attempts.has(client)) {
      const retryAfter = limiter.limited(attempt)
      if (retryAfter !== undefined) {
        await limiter.delay(attempt, signal)
        return this.#count({ ok: false, reason: 'limited', ...candidate, retryAfter })
      }
      if (limiter.isFull(attempt)) return this.#count({ ok: false, reason: 'busy', ...candidate })
    }

    const flight = this.#join(key, credential, client, attempt)
    const verdict = await this.#wait(flight, signal)
    if (attempt && !verdict.ok && verdict.reason !== 'unavailable') await limiter?.delay(attempt, signal)
    return this.#count(verdict)
  }

  /** Joins a flight of equal logins, or starts one. */
  #join(key: string, credential: Credential, client: string, attempt: Attempt | undefined): Flight {
    const flight = this.#flights.get(key)
    if (flight && !flight.abort.signal.aborted) {
      flight.waiting++
      if (attempt && !flight.attempts.has(client)) {
        flight.attempts.set(client, attempt)
        this.#limiter?.begin(attempt)
      }
      return flight
    }
    return this.#takeOff(key, credential, client, attempt)
  }

  #takeOff(key: string, credential: Credential, client: string, attempt: Attempt | undefined): Flight {
    const isSuspect = this.#limiter?.isSuspect(client) || this.#failures.count(client) > 0
    const attempts = new Map<string, Attempt>()
    if (attempt) {
      attempts.set(client, attempt)
      this.#limiter?.begin(attempt)
    }
    const abort = new AbortController()
    const login = { client, user: userOf(credential), isSuspect, signal: abort.signal }
    const verdict = this.#chain.verify(credential, login).then((verdict) => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
      this.#settle(verdict, client, flight)
      return verdict
    })
    const flight: Flight = { verdict, abort, attempts, waiting: 1 }
    this.#flights.set(key, flight)
    return flight
  }

  /** Reports the verdict to the limiter. */
  #settle(verdict: Verdict, client: string, { attempts }: Flight): void {
    if (!verdict.ok && verdict.reason === 'denied' && this.#failures.add(client) === 1) {
      for (const lane of this.#chain.lanes) lane.suspect(client)
    }
    for (const attempt of attempts.values()) {
      if (verdict.ok) this.#limiter?.succeed(attempt)
      else if (verdict.reason === 'denied') this.#limiter?.fail(attempt)
      else this.#limiter?.cancel(attempt)
    }
  }

  /** Waits for the flight's verdict. When all its clients have disconnected, the flight is aborted. */
  async #wait(flight: Flight, signal: AbortSignal | undefined): Promise<Verdict> {
    let left = false
    const leave = () => {
      if (left) return
      left = true
      this.#leave(flight)
    }
    if (signal?.aborted) leave()
    signal?.addEventListener('abort', leave, { once: true })
    const verdict = await flight.verdict
    signal?.removeEventListener('abort', leave)
    leave()
    return verdict
  }

  #leave(flight: Flight): void {
    if (--flight.waiting === 0) flight.abort.abort()
  }

  #count(verdict: LoginVerdict): LoginVerdict {
    this.#results[verdict.ok ? 'verified' : verdict.reason]++
    return verdict
  }

  /** A digest that identifies a credential while it is being verified, without revealing it. */
  #keyOf(credential: Credential): string {
    const user = Buffer.from(userOf(credential))
    const secret = secretOf(credential)
    return `${credential.kind} ${this.#digest.of(4 + user.length + secret.length, (message, start) => {
      let end = message.writeUInt32LE(user.length, start)
      end += user.copy(message, end)
      message.set(secret, end)
      return end + secret.length
    })}`
  }
}

function compare(old: Principal, now: Principal): Recheck {
  if (old.name !== now.name || old.provider !== now.provider) return { is: 'revoked' }
  const isSame =
    old.expiresAt === now.expiresAt &&
    old.maxRole === now.maxRole &&
    old.isService === now.isService &&
    old.ignoresCase === now.ignoresCase &&
    old.groups.length === now.groups.length &&
    old.groups.every((group) => now.groups.includes(group))
  return isSame ? { is: 'same' } : { is: 'changed', principal: now }
}

/** Providers never see an empty password: to a directory server it may mean an anonymous login. */
const isEmpty = (credential: Credential): boolean =>
  credential.kind === 'basic' && credential.password.length === 0

const userOf = (credential: Credential): string => (credential.kind === 'basic' ? credential.name : '')

const candidateOf = (credential: Credential): { candidate?: string } =>
  credential.kind === 'basic' ? { candidate: credential.name } : {}

function secretOf(credential: Credential): Uint8Array {
  switch (credential.kind) {
    case 'basic':
      return credential.password
    case 'bearer':
      return Buffer.from(credential.token)
    case 'session':
      return Buffer.from(credential.value)
    case 'certificate':
      return Buffer.from(credential.certificate.fingerprint256)
  }
}

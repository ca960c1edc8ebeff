import { createHmac, randomBytes } from 'node:crypto'
import type { BasicCredential, Credential } from './credential.js'
import type { Clock } from './failure-counter.js'
import type { Principal } from './principal.js'
import type { Provider, Refused, Verdict } from './provider.js'
import { type Login, ProviderLane } from './provider-lane.js'

// Asks providers in order. The first one that knows the user name decides; its verdict is final.
//
// Timing must not reveal which provider knows a name. A failed login therefore always takes the time of all providers: those
// after the one that decided are asked about a nonexistent name, and their answer is ignored.

/** How long a provider's answer "unknown name" lets the caches of later providers be used; in milliseconds. */
const UNKNOWN_TTL = 5 * 60_000
const MAX_UNKNOWN = 10_000

export class ProviderChain {
  readonly lanes: readonly ProviderLane[]
  readonly #key: Uint8Array
  readonly #now: Clock
  /** For providers without `knows`: names they have called unknown, and until when to believe it. */
  readonly #unknown = new Map<Provider, Map<string, number>>()

  /** @param queue number of logins that may wait for each provider */
  constructor(
    providers: readonly Provider[],
    queue: number,
    clock: Clock,
    key: Uint8Array = randomBytes(32),
  ) {
    this.lanes = providers.map((provider) => new ProviderLane(provider, queue))
    this.#now = clock
    this.#key = key
    for (const provider of providers) {
      this.#unknown.set(provider, new Map())
      provider.onChange(() => this.#unknown.get(provider)?.clear())
    }
  }

  accepts(credential: Credential): boolean {
    return this.lanes.some(({ provider }) => provider.accepts(credential))
  }

  /** The principal of a credential that is in the cache of the provider that knows its name. Synchronous. */
  remembered(credential: Credential): Principal | undefined {
    for (const lane of this.lanes) {
      const { provider } = lane
      if (!provider.accepts(credential)) continue
      const principal = provider.remembered(credential)
      if (principal !== undefined) {
        if (isOver(principal) || this.#isTaken(principal, credential, provider)) return undefined
        lane.results.remembered++
        return principal
      }
      if (credential.kind === 'basic' && !this.#isUnknown(provider, credential)) return undefined
    }
    return undefined
  }

  async verify(credential: Credential, login: Login): Promise<Verdict> {
    let verdict: Refused = { ok: false, reason: 'denied', ...candidateOf(login) }
    let asked = credential
    const strangers: Provider[] = []
    // Computed for every login, needed or not, since timing must not reveal that either.
    const nonexistent = this.lanes.length > 1 ? this.#nonexistent(credential) : undefined
    for (const lane of this.lanes) {
      const { provider } = lane
      if (!provider.accepts(asked)) continue
      const known = asked === credential ? provider.remembered(credential) : undefined
      if (known !== undefined && !isOver(known) && !this.#isTaken(known, credential, provider)) {
        this.#noteUnknown(strangers, credential)
        return { ok: true, principal: known }
      }
      const answer = await lane.verify(asked, login)
      if (asked !== credential) continue // Asked only to take the same time.
      if (answer.ok) {
        if (isOver(answer.principal) || this.#isTaken(answer.principal, credential, provider)) return verdict
        this.#noteUnknown(strangers, credential)
        return answer
      }
      if (answer.reason !== 'denied') return { ...candidateOf(login), ...answer }
      verdict = { ok: false, reason: 'denied', ...candidateOf(login), ...nameOf(answer) }
      if (answer.unknown) strangers.push(provider)
      else if (nonexistent === undefined) return verdict
      else asked = nonexistent
    }
    return verdict
  }

  /**
   * Whether a provider before `provider` knows the login's final name, if that differs from the claimed one: a directory
   * ignores case, and its `Alice` must not become the `alice` of the password file.
   */
  #isTaken({ name }: Principal, credential: Credential, provider: Provider): boolean {
    if (credential.kind !== 'basic' || name === credential.name) return false
    const renamed: BasicCredential = { ...credential, name, user: Buffer.from(name) }
    for (const { provider: earlier } of this.lanes) {
      if (earlier === provider) return false
      if (earlier.knows?.(renamed)) return true
    }
    return false
  }

  #isUnknown(provider: Provider, credential: BasicCredential): boolean {
    const knows = provider.knows?.(credential)
    if (knows !== undefined) return !knows
    const until = this.#unknown.get(provider)?.get(credential.name)
    return until !== undefined && until > this.#now()
  }

  /** Records only names that a later provider has accepted, so that a flood of unknown names cannot displace them. */
  #noteUnknown(providers: readonly Provider[], credential: Credential): void {
    if (credential.kind !== 'basic') return
    for (const provider of providers) {
      const names = this.#unknown.get(provider)
      if (names === undefined || provider.knows?.(credential) !== undefined) continue
      names.delete(credential.name)
      if (names.size >= MAX_UNKNOWN) names.clear()
      names.set(credential.name, this.#now() + UNKNOWN_TTL)
    }
  }

  /** The same password for a nonexistent name, which is always the same for one name; undefined without a password. */
  #nonexistent(credential: Credential): BasicCredential | undefined {
    if (credential.kind !== 'basic') return undefined
    const name = createHmac('sha256', this.#key).update(credential.name).digest('hex')
    return { kind: 'basic', name, user: Buffer.from(name), password: credential.password }
  }
}

/** Whether the login has expired. */
export const isOver = ({ expiresAt }: Principal): boolean =>
  expiresAt !== undefined && expiresAt <= Date.now()

const candidateOf = ({ user }: Login) => (user === '' ? {} : { candidate: user })

const nameOf = ({ candidate }: Refused) => (candidate === undefined ? {} : { candidate })

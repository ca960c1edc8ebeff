import type { Principal } from '../auth/principal.js'
import type { Policy } from '../policy/policy.js'
import { type Denial, denialOf } from './authorize.js'
import { isPreflight, parseOrigin, siteOf } from './cross-origin.js'
import type { Exchange } from './exchange.js'
import { harmlessOverrides } from './headers.js'
import { policyReplies } from './policy-replies.js'

/** What the gate's operator allows, besides roles. */
export interface RulesOptions {
  readonly policy: Policy
  /** Paths served without a login. */
  readonly openPaths: readonly string[]
  /** Origins whose pages may send requests. */
  readonly corsOrigins: ReadonlySet<string>
  /** Whether the user is named to the third parties that the application relays requests to. */
  readonly gatewayIdentity: boolean
  /** Whether proxies ask about requests of theirs (forward-auth). */
  readonly asks: boolean
}

const CROSS_ORIGIN: Denial = { reason: 'cross-origin', reply: policyReplies.crossOrigin }
const NOT_ASKED: Denial = { reason: 'target', reply: policyReplies.unknownRequest }

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Judges requests: which need no login, and which of those with a login are refused all the same. */
export class Rules {
  readonly policy: Policy
  readonly #openPaths: ReadonlySet<string>
  readonly #corsOrigins: ReadonlySet<string>
  readonly #gatewayIdentity: boolean
  readonly #asks: boolean

  constructor({ policy, openPaths, corsOrigins, gatewayIdentity, asks }: RulesOptions) {
    this.policy = policy
    this.#openPaths = new Set(openPaths)
    this.#corsOrigins = corsOrigins
    this.#gatewayIdentity = gatewayIdentity
    this.#asks = asks
  }

  /** Whether a request is served without a login. */
  isOpen(exchange: Exchange): boolean {
    const { head, tunnel, judgedMethod: method } = exchange
    if (tunnel || head.hasBody) return false
    if (method === 'GET' || method === 'HEAD') return this.#openPaths.has(exchange.path)
    if (method !== 'OPTIONS' || this.#corsOrigins.size === 0) return false
    return (
      isPreflight(method, head.origin, head.preflightMethod) &&
      this.#allowsOrigin(head.origin) &&
      this.policy.profile.classify(method, exchange.judgedTarget, false) === 'read'
    )
  }

  /**
   * On the routes where the application passes Authorization on to a third party, the login comes in a header of its own.
   * Takes it from there.
   */
  findLogin({ head, target }: Exchange): void {
    const { profile } = this.policy
    if (head.relayLogin === undefined || !profile.relays(target)) return
    for (const value of [head.authorization ?? []].flat()) head.endToEnd.push('Authorization', value)
    head.authorization = head.relayLogin
  }

  /** What there is against a request of `principal`; undefined: nothing. */
  denial(exchange: Exchange, principal: Principal): Denial | undefined {
    if (this.#isForeign(exchange)) return CROSS_ORIGIN
    const { judgedMethod, judgedTarget, tunnel } = exchange
    if (this.#asks && exchange.asked === undefined && this.policy.enforced) return NOT_ASKED
    return denialOf(this.policy, principal, judgedMethod, judgedTarget, tunnel !== undefined)
  }

  /** Whether the upstream is told who asks. */
  identifies({ target }: Exchange): boolean {
    return this.#gatewayIdentity || !this.policy.profile.relays(target)
  }

  /** Of the client's headers that declare the request another one, those that the upstream gets. */
  overridesOf({ head, method }: Exchange): readonly string[] {
    return this.policy.enforced ? harmlessOverrides(head.overrides, !SAFE.has(method)) : head.overrides
  }

  /** Whether a page of another origin sent a request that does more than read, with a login that the browser remembers. */
  #isForeign(exchange: Exchange): boolean {
    const { head, judgedMethod, judgedTarget, tunnel } = exchange
    if (head.fetchSite === undefined && head.origin === undefined) return false
    const hosts = [head.host, exchange.peer.trusted ? head.forwardedHost : undefined]
    const site = siteOf(head, hosts, exchange.client.proto)
    exchange.isOwnPage = site === 'same'
    if (site !== 'other' || this.#allowsOrigin(head.origin)) return false
    // A page has to know a token to send it.
    if (typeof head.authorization === 'string' && /^bearer /i.test(head.authorization)) return false
    if (!SAFE.has(judgedMethod) || tunnel) return true
    return this.policy.profile.classify(judgedMethod, judgedTarget, false) === 'write'
  }

  #allowsOrigin(origin: string | undefined): boolean {
    if (origin === undefined || this.#corsOrigins.size === 0) return false
    return this.#corsOrigins.has(parseOrigin(origin) ?? '')
  }
}

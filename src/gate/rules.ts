import type { Principal } from '../auth/principal.js'
import type { Policy } from '../policy/policy.js'
import { type Denial, denialOf } from './authorize.js'
import { isPreflight, parseOrigin, type Site, siteOf } from './cross-origin.js'
import { type Exchange, pathOf } from './exchange.js'
import type { Subject } from './extension-points.js'
import { policyReplies } from './policy-replies.js'
import { harmlessOverrides } from './request-headers.js'

/** What the gate's operator allows, besides roles. */
export interface RulesOptions {
  readonly policy: Policy
  /** Paths served without a login. */
  readonly openPaths: readonly string[]
  /** Origins whose pages may send requests. */
  readonly corsOrigins: ReadonlySet<string>
  /** Whether the user is named to the third parties that the application relays requests to. */
  readonly gatewayIdentity: boolean
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

  constructor({ policy, openPaths, corsOrigins, gatewayIdentity }: RulesOptions) {
    this.policy = policy
    this.#openPaths = new Set(openPaths)
    this.#corsOrigins = corsOrigins
    this.#gatewayIdentity = gatewayIdentity
  }

  /** Whether a request is served without a login. */
  isOpen({ headers }: Exchange, { method, target, upgrade }: Subject): boolean {
    if (upgrade || headers.hasBody) return false
    if (method === 'GET' || method === 'HEAD') return this.#openPaths.has(pathOf(target))
    if (method !== 'OPTIONS' || this.#corsOrigins.size === 0) return false
    return (
      isPreflight(method, headers.origin, headers.preflightMethod) &&
      this.#allowsOrigin(headers.origin) &&
      this.policy.profile.classify(method, target, false) === 'read'
    )
  }

  /**
   * On the routes where the application passes Authorization on to a third party, the login comes in a header of its own.
   * Takes it from there.
   */
  findLogin({ headers, target }: Exchange): void {
    const { profile } = this.policy
    if (!headers.relayLogin?.length || !profile.relays(target)) return
    for (const value of [headers.authorization ?? []].flat()) headers.forward('Authorization', value)
    headers.authorization = headers.relayLogin
  }

  /** What there is against a request of `principal`; undefined: nothing. */
  denial(exchange: Exchange, subject: Subject, principal: Principal): Denial | undefined {
    if (this.#isForeign(exchange, subject)) return CROSS_ORIGIN
    if (!subject.isKnown && this.policy.enforced) return NOT_ASKED
    return denialOf(this.policy, principal, subject.method, subject.target, subject.upgrade)
  }

  /** Whether the upstream is told who asks. */
  identifies({ target }: Exchange): boolean {
    return this.#gatewayIdentity || !this.policy.profile.relays(target)
  }

  /** Of the client's headers that declare the request another one, those that the upstream gets. */
  overridesOf({ headers, method }: Exchange): readonly string[] {
    return this.policy.enforced ? harmlessOverrides(headers.overrides, !SAFE.has(method)) : headers.overrides
  }

  /** Whether a page of the gate's own origin sent a request. */
  isOwnPage(exchange: Exchange): boolean {
    return siteOfRequest(exchange) === 'same'
  }

  /** Whether a page of another origin sent a request that does more than read, with a login that the browser remembers. */
  #isForeign(exchange: Exchange, { method, target, upgrade }: Subject): boolean {
    const { authorization, origin } = exchange.headers
    if (siteOfRequest(exchange) !== 'other' || this.#allowsOrigin(origin)) return false
    // A page has to know a token to send it.
    if (typeof authorization === 'string' && /^bearer /i.test(authorization)) return false
    if (!SAFE.has(method) || upgrade) return true
    return this.policy.profile.classify(method, target, false) === 'write'
  }

  #allowsOrigin(origin: string | undefined): boolean {
    if (origin === undefined || this.#corsOrigins.size === 0) return false
    return this.#corsOrigins.has(parseOrigin(origin) ?? '')
  }
}

function siteOfRequest({ headers, peer, client }: Exchange): Site {
  if (headers.fetchSite === undefined && headers.origin === undefined) return 'unknown'
  const hosts = [headers.host, peer.trusted ? headers.forwardedHost : undefined]
  return siteOf(headers, hosts, client.proto)
}

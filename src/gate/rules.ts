import type { Principal } from '../auth/principal.js'
import type { Policy } from '../policy/policy.js'
import { type Denial, denialOf } from './authorize.js'
import { isPreflight, parseOrigin, type Site, siteOf } from './cross-origin.js'
import { type Exchange, pathOf } from './exchange.js'
import type { Subject } from './extension-points.js'
import { policyReplies } from './policy-replies.js'
import { harmlessOverrides } from './request-headers.js'

/** Permissions other than roles. */
export interface RulesOptions {
  readonly policy: Policy
  /** Paths that need no login. */
  readonly openPaths: readonly string[]
  /** Origins that may send cross-origin requests. */
  readonly corsOrigins: ReadonlySet<string>
  /** Whether the user's name may reach third parties that the application relays requests to. */
  readonly gatewayIdentity: boolean
}

const CROSS_ORIGIN: Denial = { reason: 'cross-origin', reply: policyReplies.crossOrigin }
const NOT_ASKED: Denial = { reason: 'target', reply: policyReplies.unknownRequest }

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Decides which requests need no login, and which are refused despite a valid login. */
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

  /** Whether a request needs no login. */
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
   * On routes where the application relays Authorization to a third party, the login is in X-MLflow-Authorization. Takes it
   * from there, and passes Authorization on.
   */
  findLogin({ headers, target }: Exchange): void {
    const { profile } = this.policy
    if (!headers.relayLogin?.length || !profile.relays(target)) return
    for (const value of [headers.authorization ?? []].flat()) headers.forward('Authorization', value)
    headers.authorization = headers.relayLogin
  }

  /** Why a request of `principal` is refused; undefined if it is allowed. */
  denial(exchange: Exchange, subject: Subject, principal: Principal): Denial | undefined {
    if (this.#isForeign(exchange, subject)) return CROSS_ORIGIN
    if (!subject.isKnown && this.policy.enforced) return NOT_ASKED
    return denialOf(this.policy, principal, subject.method, subject.target, subject.upgrade)
  }

  /** Whether to tell the upstream who sent the request. */
  identifies({ target }: Exchange): boolean {
    return this.#gatewayIdentity || !this.policy.profile.relays(target)
  }

  /** The method overrides that reach the upstream. */
  overridesOf({ headers, method }: Exchange): readonly string[] {
    return this.policy.enforced ? harmlessOverrides(headers.overrides, !SAFE.has(method)) : headers.overrides
  }

  /** Whether a request comes from a page of the gate's own origin. */
  isOwnPage(exchange: Exchange): boolean {
    return siteOfRequest(exchange) === 'same'
  }

  /** Whether a request comes from a page of another origin, with the browser's saved login, and does more than read. */
  #isForeign(exchange: Exchange, { method, target, upgrade }: Subject): boolean {
    const { authorization, origin } = exchange.headers
    if (siteOfRequest(exchange) !== 'other' || this.#allowsOrigin(origin)) return false
    // Browsers never add bearer tokens: the page must know the token.
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

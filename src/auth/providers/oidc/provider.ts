import { hash } from 'node:crypto'
import type { Credential } from '../../credential.js'
import type { Principal } from '../../principal.js'
import type { Measures, Provider, ProviderStatus, Verdict } from '../../provider.js'
import { BadToken, CLOCK_TOLERANCE, isJwt, unprovenClaims, verifyBearer } from './bearer.js'
import { BadClaims, type ClaimNames, type Claims, groupsOf, NAMELESS, userOf, valueAt } from './claims.js'
import type { Fetch } from './http.js'
import { type Issuer, IssuerDown } from './issuer.js'
import { type Trust, unmet } from './trust.js'

// Bearer JWTs as credentials: from the issuer where people log in, and from further issuers for programs. A token is verified
// only with the keys of the issuer that it names.

const REMEMBERED_MS = 5 * 60_000
const MAX_REMEMBERED = 10_000
const RETRY_AFTER = 10

export interface OidcProviderOptions {
  /** The issuer where people log in. */
  readonly main?: MainIssuer | undefined
  readonly trusts?: readonly { readonly issuer: Issuer; readonly trust: Trust }[] | undefined
  readonly fetch: Fetch
  readonly now?: (() => number) | undefined
}

export interface MainIssuer {
  readonly issuer: Issuer
  /** The client that users log in with. Undefined if it is not known. */
  readonly clientId?: string | undefined
  /** Accepted audiences of bearer tokens; if empty, bearer tokens are rejected. */
  readonly audiences: readonly string[]
  /** Clients that the token may have been issued to; any if empty. */
  readonly clients?: readonly string[] | undefined
  readonly claims: ClaimNames
}

/** One way to verify a token. */
interface Rule {
  readonly issuer: Issuer
  readonly judge: (token: string) => Promise<Principal>
}

export class OidcProvider implements Provider {
  readonly name = 'oidc'
  readonly concurrency = 32
  readonly schemes: readonly 'bearer'[]
  readonly epoch = 0
  readonly #rules: readonly Rule[]
  readonly #issuers: readonly Issuer[]
  readonly #main: MainIssuer | undefined
  readonly #fetch: Fetch
  readonly #now: () => number
  readonly #closing = new AbortController()
  readonly #remembered = new Map<string, { readonly principal: Principal; readonly until: number }>()
  #verified = 0

  constructor({ main, trusts = [], fetch, now = Date.now }: OidcProviderOptions) {
    this.#main = main
    this.#fetch = fetch
    this.#now = now
    this.#rules = [
      ...(main && main.audiences.length > 0
        ? [{ issuer: main.issuer, judge: (token: string) => this.#judge(token, main) }]
        : []),
      ...trusts.map(({ issuer, trust }) => ({
        issuer,
        judge: (token: string) => this.#judgeTrusted(token, issuer, trust),
      })),
    ]
    this.schemes = this.#rules.length > 0 ? ['bearer'] : []
    this.#issuers = [...new Set([...(main ? [main.issuer] : []), ...trusts.map(({ issuer }) => issuer)])]
  }

  /** Tries to reach the issuers. Never rejects: htgate starts without them. */
  async start(): Promise<void> {
    await Promise.all(this.#issuers.map((issuer) => issuer.start()))
  }

  accepts(credential: Credential): boolean {
    return credential.kind === 'bearer' && this.#rules.length > 0 && isJwt(credential.token)
  }

  remembered(credential: Credential): Principal | undefined {
    if (credential.kind !== 'bearer' || this.#remembered.size === 0) return undefined
    const known = this.#remembered.get(keyOf(credential.token))
    return known && known.until > this.#now() ? known.principal : undefined
  }

  async verify(credential: Credential): Promise<Verdict> {
    if (credential.kind !== 'bearer') return { ok: false, reason: 'denied', unknown: true }
    const { token } = credential
    const claims = unprovenClaims(token)
    const rules = this.#rules.filter(({ issuer }) => issuer.url === claims?.iss)
    const candidate = candidateIn(claims, this.#main)
    let denied: Verdict = { ok: false, reason: 'denied', ...candidate }
    for (const { judge } of rules) {
      try {
        const principal = await judge(token)
        this.#remember(token, principal)
        this.#verified++
        return { ok: true, principal }
      } catch (error) {
        if (error instanceof BadToken || error instanceof BadClaims) continue
        // The issuer's keys are unavailable, or something unexpected happened: not this client's fault.
        denied = { ok: false, reason: 'unavailable', retryAfter: RETRY_AFTER, ...candidate }
      }
    }
    return denied
  }

  onChange(): void {}

  measures(): Measures {
    return { counts: { verified: this.#verified }, gauges: { cached: this.#remembered.size }, sizes: {} }
  }

  status(): ProviderStatus {
    const trouble = this.#issuers.map((issuer) => issuer.trouble).find((each) => each !== undefined)
    return trouble === undefined ? { ready: true } : { ready: false, detail: trouble }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    for (const issuer of this.#issuers) issuer.close()
  }

  async #judge(token: string, main: MainIssuer): Promise<Principal> {
    const { issuer, audiences, clientId, clients, claims: names } = main
    const rules = {
      issuer: issuer.url,
      audiences,
      key: issuer.key,
      clientId,
      clients,
      now: new Date(this.#now()),
    }
    const claims = await verifyBearer(token, rules)
    return this.#principal(await this.#completed(token, claims, main), claims, names.user, names.groups)
  }

  async #judgeTrusted(token: string, issuer: Issuer, trust: Trust): Promise<Principal> {
    const audiences = [trust.audience]
    const rules = {
      issuer: issuer.url,
      audiences,
      key: issuer.key,
      allowIdTokens: true,
      now: new Date(this.#now()),
    }
    const claims = await verifyBearer(token, rules)
    const claim = unmet(trust, claims)
    if (claim !== undefined) throw new BadToken(`claim ${claim} does not have the required value`)
    const name = userOf(claims, trust.user)
    if (name === undefined) throw new BadClaims(`the token has no claim ${trust.user}`)
    const groups = trust.groups === undefined ? [] : groupsOf(claims, trust.groups)
    const role = trust.role === undefined ? {} : { maxRole: trust.role, isService: true }
    return { name, provider: this.name, groups, expiresAt: endOf(claims), ...role }
  }

  /** Asks the issuer's userinfo, since an access token need not name its user. */
  async #completed(token: string, claims: Claims, { issuer, claims: names }: MainIssuer): Promise<Claims> {
    const { userinfo_endpoint: url } = issuer.metadata ?? {}
    if (valueAt(claims, names.user) !== undefined || url === undefined) return claims
    if (!/(?:^| )openid(?: |$)/.test(String(claims.scope ?? claims.scp ?? ''))) return claims
    const response = await this.#fetch(url, {
      headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
      signal: this.#closing.signal,
    }).catch((error: Error) => {
      throw new IssuerDown(error.message)
    })
    if (response.status >= 500) throw new IssuerDown(`${url} responds with ${response.status}`)
    const more: unknown = response.status === 200 ? await response.json().catch(() => undefined) : undefined
    // Userinfo about another subject must not be used (OpenID Connect Core, section 5.3.2).
    if (typeof more !== 'object' || more === null || (more as Claims).sub !== claims.sub) return claims
    return { ...(more as Claims), ...claims }
  }

  #principal(claims: Claims, { sub, exp }: Claims, user: string, groups: string): Principal {
    // A program's token has no user name. No user can choose a name with this prefix.
    const name = userOf(claims, user) ?? `${NAMELESS}${userOf({ sub }, 'sub')}`
    return { name, provider: this.name, groups: groupsOf(claims, groups), expiresAt: endOf({ exp }) }
  }

  #remember(token: string, principal: Principal): void {
    const until = Math.min(principal.expiresAt ?? 0, this.#now() + REMEMBERED_MS)
    this.#remembered.set(keyOf(token), { principal, until })
    if (this.#remembered.size <= MAX_REMEMBERED) return
    const [oldest] = this.#remembered.keys()
    this.#remembered.delete(oldest as string)
  }
}

/** When a token expires, in milliseconds since the epoch. */
const endOf = ({ exp }: Claims): number => ((exp as number) + CLOCK_TOLERANCE) * 1000

const keyOf = (token: string): string => hash('sha256', token, 'binary')

/** The user that a refused token claims, for the log. */
function candidateIn(claims: Claims | undefined, main: MainIssuer | undefined): { candidate?: string } {
  for (const path of [main?.claims.user, 'sub']) {
    try {
      const name = claims && path ? userOf(claims, path) : undefined
      if (name !== undefined) return { candidate: name }
    } catch {}
  }
  return {}
}

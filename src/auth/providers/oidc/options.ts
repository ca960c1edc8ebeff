import { HtgateError } from '../../../errors.js'
import { readAuthorities } from '../../../system/authorities.js'
import { isRole, type Role } from '../../principal.js'
import type { ClaimNames } from './claims.js'
import { isIssuerUrl } from './http.js'
import { isOpenToAll, TRUSTED_USER, type Trust } from './trust.js'

/** Bearer tokens (JWTs) of OpenID Connect issuers. At least one of `issuer` and `trust` is required. */
export interface OidcOptions {
  /**
   * The issuer where your users log in, exactly as in its `issuer` metadata: an https URL, or http on this machine. Its keys
   * are found by OpenID Connect Discovery. Default: none.
   */
  issuer?: string | undefined
  /** The audience of its tokens: `aud` must contain it, or one of several. Required with `issuer`. */
  audience?: string | readonly string[] | undefined
  /**
   * The client ID that users log in with. It tells access tokens from ID tokens, which are rejected: a token for another
   * audience than this client is not an ID token. Default: unknown, so each token must say that it is an access token, by its
   * type `at+jwt`, by a claim `scope`, `scp` or `roles`, or by Keycloak's `typ`.
   */
  clientId?: string | undefined
  /** Clients that tokens may have been issued to (`azp`, `client_id`). Default: any. */
  allowedClients?: readonly string[] | undefined
  /**
   * The claim with the user's name. If the token lacks it, userinfo is queried; a token without a user has the name `sub:SUBJECT`.
   * Default `preferred_username`.
   */
  userClaim?: string | undefined
  /** The claim with the user's groups; dots reach into objects, as in `realm_access.roles`. Default `groups`. */
  groupsClaim?: string | undefined
  /** Further issuers, for programs such as CI jobs. Default: none. */
  trust?: readonly OidcTrust[] | undefined
  /** Path of the certificate authorities to trust for issuers, in PEM. Default: those that Node trusts. */
  ca?: string | undefined
}

/** Which tokens of a further issuer to accept. ID tokens are accepted, since CI systems issue no others. */
export interface OidcTrust {
  /** As `OidcOptions.issuer`. */
  issuer: string
  /** `aud` must contain it. */
  audience: string
  /**
   * Claims that a token must have, and their values, in which `*` matches any text: `{ repository: 'org/train' }`. Required for
   * issuers where anyone can get a token: GitHub Actions, gitlab.com, Google. Default: none.
   */
  claims?: Readonly<Record<string, string>> | undefined
  /** The claim with the user's name. Default `sub`. */
  userClaim?: string | undefined
  /** The claim with the groups. Default: no groups. */
  groupsClaim?: string | undefined
  /** The highest role of these tokens: `maxRole` of their principals. Default: no limit. */
  role?: Role | undefined
}

/** The defaults of the library and of the command. */
export const CLAIMS: ClaimNames = { user: 'preferred_username', groups: 'groups' }

export interface OidcSettings {
  readonly main: MainIssuerSettings | undefined
  readonly trusts: readonly Trust[]
  /** Certificate authorities, in PEM. */
  readonly ca: string | undefined
}

export interface MainIssuerSettings {
  readonly issuer: string
  readonly clientId: string | undefined
  /** If empty, bearer tokens are rejected. */
  readonly audiences: readonly string[]
  readonly clients: readonly string[]
  readonly claims: ClaimNames
}

/**
 * The options with their defaults.
 * @throws HtgateError ERR_OPTION
 */
export function oidcSettings(options: OidcOptions): OidcSettings {
  const { issuer, audience, clientId, allowedClients, trust = [], ca } = options
  if (!Array.isArray(trust)) throw wrong('trust', 'must be an array of objects with issuer and audience')
  if (issuer === undefined && trust.length === 0) throw wrong('issuer', 'is required, unless there is trust')
  if (issuer === undefined) {
    for (const name of ['audience', 'clientId', 'allowedClients', 'userClaim', 'groupsClaim'] as const) {
      if (options[name] !== undefined) throw wrong(name, 'requires oidc.issuer')
    }
  }
  return {
    main:
      issuer === undefined
        ? undefined
        : {
            issuer: issuerUrl('issuer', issuer),
            clientId: clientId === undefined ? undefined : text('clientId', clientId),
            audiences: texts('audience', typeof audience === 'string' ? [audience] : audience),
            clients: allowedClients === undefined ? [] : texts('allowedClients', allowedClients),
            claims: {
              user: text('userClaim', options.userClaim ?? CLAIMS.user),
              groups: text('groupsClaim', options.groupsClaim ?? CLAIMS.groups),
            },
          },
    trusts: trust.map((each, i) => trustOf(`trust[${i}]`, each)),
    ca: ca === undefined ? undefined : readAuthorities(ca, (why) => wrong('ca', why)),
  }
}

function trustOf(name: string, options: OidcTrust): Trust {
  if (typeof options !== 'object' || options === null) {
    throw wrong(name, 'must be an object with issuer and audience')
  }
  const { claims = {}, userClaim = TRUSTED_USER, groupsClaim, role } = options
  if (typeof claims !== 'object' || claims === null) {
    throw wrong(`${name}.claims`, 'must be an object of claims and their values')
  }
  const issuer = issuerUrl(`${name}.issuer`, options.issuer)
  const conditions = Object.entries(claims).map(([claim, value]) => {
    return { claim, value: text(`${name}.claims['${claim}']`, value) }
  })
  if (isOpenToAll({ issuer, conditions })) {
    throw wrong(
      `${name}.claims`,
      'is required: without it, anyone with an account at this issuer could log in',
    )
  }
  if (role !== undefined && !isRole(role)) throw wrong(`${name}.role`, "must be 'read', 'write' or 'admin'")
  return {
    issuer,
    audience: text(`${name}.audience`, options.audience),
    conditions,
    user: text(`${name}.userClaim`, userClaim),
    groups: groupsClaim === undefined ? undefined : text(`${name}.groupsClaim`, groupsClaim),
    role,
  }
}

function issuerUrl(name: string, value: unknown): string {
  if (typeof value === 'string' && isIssuerUrl(value)) return value
  throw wrong(name, 'must be an https URL (or http on this machine)')
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '') return value
  throw wrong(name, 'must be a non-empty string')
}

function texts(name: string, value: readonly unknown[] | undefined): string[] {
  if (!Array.isArray(value) || value.length === 0)
    throw wrong(name, 'must be a non-empty string or array of them')
  return value.map((each) => text(name, each))
}

const wrong = (name: string, why: string) => new HtgateError('ERR_OPTION', `option oidc.${name} ${why}`)

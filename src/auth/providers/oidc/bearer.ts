import { decodeProtectedHeader, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { Claims } from './claims.js'

// Bearer JWTs (RFC 9068, RFC 8725). Every requirement is explicit: by default, the library accepts a token without `exp`, for
// any audience, an ID token, and an `iat` in the future.

/** Asymmetric algorithms. */
export const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]
/** Clock difference to tolerate, in seconds. */
export const CLOCK_TOLERANCE = 60
const MAX_LENGTH = 16 * 1024

/** RFC 9068 requires `at+jwt`, but Keycloak, Entra ID and others use `JWT` or nothing. */
const TYPES = ['at+jwt', 'jwt']
/** Claims that only ID tokens have (OpenID Connect Core, sections 2 and 3.3.2.11). */
const ID_TOKEN_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash']
/** The claim `typ` of Keycloak's other tokens. */
const OTHER_TOKENS = ['ID', 'Refresh', 'Offline', 'Logout', 'Serialized-ID']

export interface BearerRules {
  readonly issuer: string
  /** `aud` must contain one of these. */
  readonly audiences: readonly string[]
  readonly key: JWTVerifyGetKey
  /**
   * The client that browsers log in with. A token for this audience alone may be an ID token, as may any token if the client
   * is not known.
   */
  readonly clientId?: string | undefined
  /** Clients that the token may have been issued to (`azp`, `client_id`); any if empty. */
  readonly clients?: readonly string[] | undefined
  /** For issuers that issue only ID tokens, such as CI systems. */
  readonly allowIdTokens?: boolean | undefined
  /** For tests. */
  readonly now?: Date | undefined
}

/** A token that is not valid. */
export class BadToken extends Error {
  override readonly name = 'BadToken'
}

/** Whether a bearer token has the form of a signed JWT. */
export const isJwt = (token: string): boolean =>
  token.length <= MAX_LENGTH && /^eyJ[\w-]+\.[\w-]+\.[\w-]*$/.test(token)

/** The claims of a token, unverified; undefined if they cannot be parsed. */
export function unprovenClaims(token: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}

/** Requirements for a signed JWT. */
export interface JwtRules {
  readonly issuer: string
  readonly audience: string | string[]
  readonly requiredClaims: string[]
  readonly key: JWTVerifyGetKey
  readonly now: Date
}

/**
 * Verifies a JWT's signature, issuer, audience and times.
 * @returns its claims, and its `typ` if it has one, both verbatim (`type`) and normalized (`kind`)
 * @throws BadToken, or whatever `key` throws if the issuer's keys are unavailable
 */
export async function verifyJwt(
  token: string,
  { issuer, audience, requiredClaims, key, now }: JwtRules,
): Promise<{ claims: Claims; type: string | undefined; kind: string | undefined }> {
  if (!isJwt(token)) throw new BadToken('it is not a signed JWT')
  try {
    const type = decodeProtectedHeader(token).typ
    const { payload } = await jwtVerify(token, key, {
      algorithms: ALGORITHMS,
      issuer,
      audience,
      requiredClaims,
      clockTolerance: CLOCK_TOLERANCE,
      currentDate: now,
    })
    return { claims: payload, type, kind: type?.toLowerCase().replace(/^application\//, '') }
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) throw new BadToken(error.message)
    throw error
  }
}

/**
 * Verifies a bearer token.
 * @returns its claims
 * @throws BadToken, or whatever `key` throws if the issuer's keys are unavailable
 */
export async function verifyBearer(token: string, rules: BearerRules): Promise<Claims> {
  const { issuer, audiences, key, now = new Date() } = rules
  const requiredClaims = ['iss', 'aud', 'exp', 'iat', 'sub']
  const verified = await verifyJwt(token, { issuer, audience: [...audiences], requiredClaims, key, now })
  const flaw = flawOf(verified, rules, now)
  if (flaw) throw new BadToken(flaw)
  return verified.claims
}

function flawOf(
  { claims, type, kind }: Awaited<ReturnType<typeof verifyJwt>>,
  rules: BearerRules,
  now: Date,
): string | undefined {
  const { clientId, clients = [], allowIdTokens } = rules
  if ((claims.iat as number) > now.getTime() / 1000 + CLOCK_TOLERANCE) return 'it was issued in the future'
  if (kind !== undefined && !TYPES.includes(kind)) return `it is of type ${type}`
  const client = claims.azp ?? claims.client_id ?? claims.appid
  if (clients.length > 0 && !(typeof client === 'string' && clients.includes(client))) {
    return 'it was issued to another client'
  }
  if (allowIdTokens || kind === 'at+jwt') return undefined
  if (ID_TOKEN_CLAIMS.some((name) => name in claims)) return 'it is an ID token'
  if (typeof claims.typ === 'string' && OTHER_TOKENS.includes(claims.typ))
    return `it is a ${claims.typ} token`
  const isForOthers =
    clientId !== undefined &&
    [claims.aud].flat().some((each) => each !== clientId && rules.audiences.includes(each as string))
  return isForOthers || isForAccess(claims) ? undefined : 'it cannot be told apart from an ID token'
}

/** Whether the claims are those of an access token: it has a scope or roles, or Keycloak's `typ`. */
const isForAccess = (claims: Claims): boolean =>
  claims.typ === 'Bearer' || ['scope', 'scp', 'roles'].some((name) => name in claims)

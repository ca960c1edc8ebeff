import type { JWTVerifyGetKey } from 'jose'
import type { Origin } from '../../sessions/session.js'
import { BadToken, CLOCK_TOLERANCE, verifyJwt } from './bearer.js'
import type { Claims } from './claims.js'

// Logout tokens (OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6).

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** `logout+jwt` is recommended; a token without a type, or with `JWT`, is recognized by its claims. */
const TYPES = ['logout+jwt', 'jwt']

/** The content of a logout token. */
export interface IssuerLogout {
  /** The account whose sessions end; with a `sid`, only that session. */
  readonly origin: Origin
  /** Only sessions that began before this time end, in milliseconds since the epoch: later ones are from a new login. */
  readonly before: number
  /** The token's ID. */
  readonly jti: string
}

export interface LogoutRules {
  readonly issuer: string
  readonly clientId: string
  readonly key: JWTVerifyGetKey
  /** In milliseconds since the epoch. */
  readonly now: number
}

/**
 * Verifies the values of `logout_token` in a request, of which there must be one.
 * @throws BadToken, or whatever `key` throws if the issuer's keys are unavailable
 */
export async function verifyLogoutToken(
  tokens: readonly string[],
  { issuer, clientId, key, now }: LogoutRules,
): Promise<IssuerLogout> {
  const [token] = tokens
  if (token === undefined || tokens.length > 1) throw new BadToken('exactly one logout_token is required')
  const { claims, type, kind } = await verifyJwt(token, {
    issuer,
    audience: clientId,
    requiredClaims: ['iss', 'aud', 'iat', 'exp', 'jti', 'events'],
    key,
    now: new Date(now),
  })
  const { events, sid, sub, jti, nonce, iat } = claims
  if (kind !== undefined && !TYPES.includes(kind)) throw new BadToken(`it is of type ${type}`)
  if (typeof iat !== 'number' || iat * 1000 > now + CLOCK_TOLERANCE * 1000)
    throw new BadToken('it was issued in the future')
  if (nonce !== undefined) throw new BadToken('it has a nonce, as ID tokens have')
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject(events) || !Object.hasOwn(events as object, EVENT) || !isObject((events as Claims)[EVENT]))
    throw new BadToken('it has no back-channel logout event')
  if (typeof jti !== 'string' || jti === '') throw new BadToken('its jti is not a string')
  for (const value of [sid, sub]) {
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      throw new BadToken('its sid or sub is not a string')
  }
  if (sid === undefined && sub === undefined) throw new BadToken('it has neither sid nor sub')
  const before = Math.min(now, (iat + CLOCK_TOLERANCE) * 1000)
  return { origin: { sid, sub } as Origin, before, jti }
}

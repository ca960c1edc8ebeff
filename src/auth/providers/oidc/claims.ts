import { nameFlaw } from '../../names.js'

// Reads a user's name and groups from claims.

const MAX_GROUPS = 10_000
/** Prefix for the subject of a token without a user name. User names cannot start with it. */
export const NAMELESS = 'sub:'

export type Claims = Readonly<Record<string, unknown>>

export interface ClaimNames {
  /** The claim with the user's name, such as `preferred_username`. */
  readonly user: string
  /** The claim with the groups; dots reach into objects, as in `realm_access.roles`. */
  readonly groups: string
}

/**
 * The value at a dotted path. A claim whose own name has dots, such as `https://example.org/groups`, takes precedence.
 */
export function valueAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  let value: unknown = claims
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Claims)[name]
  }
  return value
}

/** Claims without a valid or trustworthy user name. */
export class BadClaims extends Error {
  override readonly name = 'BadClaims'
}

/**
 * The user's name; undefined if there is no such claim.
 * @throws BadClaims for an invalid name, or an unverified e-mail address
 */
export function userOf(claims: Claims, path: string): string | undefined {
  const value = valueAt(claims, path)
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new BadClaims(`claim ${path} is not a string`)
  const flaw = path !== 'sub' && value.startsWith(NAMELESS) ? `starts with ${NAMELESS}` : nameFlaw(value)
  if (flaw) throw new BadClaims(`claim ${path} ${flaw}`)
  if (path === 'email' && (claims.email_verified === false || claims.email_verified === 'false')) {
    throw new BadClaims('the e-mail address is not verified')
  }
  return value
}

/** The groups, from a list or a single name. Skips invalid names. */
export function groupsOf(claims: Claims, path: string): string[] {
  const value = valueAt(claims, path)
  const list = Array.isArray(value) ? value : [value]
  const names = list.filter(
    (each): each is string => typeof each === 'string' && nameFlaw(each) === undefined,
  )
  return [...new Set(names)].slice(0, MAX_GROUPS)
}

import { nameFlaw } from '../../names.js'

// What claims say of a user.

const MAX_GROUPS = 10_000
/** What the name of a token without a user name starts with, before its subject; no user can take it. */
export const NAMELESS = 'sub:'

export type Claims = Readonly<Record<string, unknown>>

export interface ClaimNames {
  /** Which claim has the user's name, such as `preferred_username`. */
  readonly user: string
  /** Which has the groups; dots lead into objects, as in `realm_access.roles`. */
  readonly groups: string
}

/**
 * The value at a dotted path. A claim whose own name has dots, such as `https://example.org/groups`, comes first.
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

/** Claims that name nobody, or not safely. */
export class BadClaims extends Error {
  override readonly name = 'BadClaims'
}

/**
 * The user's name; undefined if there is no such claim.
 * @throws BadClaims for one that can't be a name, or an e-mail address that isn't the user's for certain
 */
export function userOf(claims: Claims, path: string): string | undefined {
  const value = valueAt(claims, path)
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new BadClaims(`claim ${path} is not text`)
  const flaw = path !== 'sub' && value.startsWith(NAMELESS) ? `starts with ${NAMELESS}` : nameFlaw(value)
  if (flaw) throw new BadClaims(`claim ${path} ${flaw}`)
  if (path === 'email' && (claims.email_verified === false || claims.email_verified === 'false')) {
    throw new BadClaims('the e-mail address is not verified')
  }
  return value
}

/** The groups: of a list, or of text with one name. What can't be a name is left out. */
export function groupsOf(claims: Claims, path: string): string[] {
  const value = valueAt(claims, path)
  const list = Array.isArray(value) ? value : [value]
  const names = list.filter(
    (each): each is string => typeof each === 'string' && nameFlaw(each) === undefined,
  )
  return [...new Set(names)].slice(0, MAX_GROUPS)
}

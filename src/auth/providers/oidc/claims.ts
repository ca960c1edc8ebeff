// What claims say of a user. They come from elsewhere and go on to headers, logs and pages: a name that none of these
// can carry is no name.

const MAX_NAME_BYTES = 255
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

/** Why a claimed name can't be a user's; undefined if it can. */
export function flawOf(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]/.test(name)) return 'contains a control character'
  if (Buffer.from(name).toString() !== name) return 'is not well-formed Unicode'
  if (name.trim() !== name) return 'starts or ends with a space'
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES} bytes`
  return undefined
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
  const flaw = path !== 'sub' && value.startsWith(NAMELESS) ? `starts with ${NAMELESS}` : flawOf(value)
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
  const names = list.filter((each): each is string => typeof each === 'string' && flawOf(each) === undefined)
  return [...new Set(names)].slice(0, MAX_GROUPS)
}

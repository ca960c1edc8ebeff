import { includes, ROLES, type Role } from '../auth/principal.js'

export { includes }

/** What a request does to the upstream. The role of the same name is the lowest that allows it. */
export type Access = Role
export const ACCESS: readonly Access[] = ROLES

/** A profile's verdict on a request: the access it needs, or why no role allows it. */
export type Classified =
  | Access
  /** The route is closed to every role. */
  | 'deny'
  /** The upstream and a proxy before it may read this target as different paths. */
  | 'ambiguous'

/** The higher of two. */
export const higher = (a: Access | undefined, b: Access | undefined): Access | undefined =>
  b === undefined || includes(a, b) ? a : b

/** The lower of two. */
export const lower = (a: Access, b: Access): Access => (includes(a, b) ? b : a)

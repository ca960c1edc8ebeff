import type { Role } from '../auth/principal.js'

/** What a request does to the upstream. The role of the same name is the lowest that allows it. */
export type Access = Role
export const ACCESS: readonly Access[] = ['read', 'write', 'admin']

/** A profile's verdict on a request: the access it needs, or why no role allows it. */
export type Classified =
  | Access
  /** The route is closed to every role. */
  | 'deny'
  /** The upstream and a proxy before it may read this target as different paths. */
  | 'ambiguous'

const RANKS: Readonly<Record<Access, number>> = { read: 1, write: 2, admin: 3 }

/** Whether `role` is enough for `needed`. */
export const includes = (role: Access | undefined, needed: Access): boolean =>
  role !== undefined && RANKS[role] >= RANKS[needed]

/** The higher of two. */
export const higher = (a: Access | undefined, b: Access | undefined): Access | undefined =>
  a === undefined || (b !== undefined && RANKS[b] > RANKS[a]) ? b : a

/** The lower of two. */
export const lower = (a: Access, b: Access): Access => (RANKS[a] < RANKS[b] ? a : b)

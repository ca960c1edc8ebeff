/** What a principal may do; each includes those before it. */
export type Role = 'read' | 'write' | 'admin'

/** All roles, the lowest first. */
export const ROLES: readonly Role[] = ['read', 'write', 'admin']

export const isRole = (value: unknown): value is Role => (ROLES as readonly unknown[]).includes(value)

const RANKS: Readonly<Record<Role, number>> = { read: 1, write: 2, admin: 3 }

/** Whether `role` is enough for `needed`. */
export const includes = (role: Role | undefined, needed: Role): boolean =>
  role !== undefined && RANKS[role] >= RANKS[needed]

/**
 * Whether a login may be used for what `role` may do. False for a token that was created for less, such as a token with the
 * role `read` that is used to write. It does not tell whether the user has that role: that is for your server to decide.
 *
 * @example
 * permits({ name: 'ann', provider: 'file', groups: [] }, 'write') // → true
 * permits({ name: 'ann', provider: 'file', groups: [], maxRole: 'read' }, 'write') // → false
 */
export const permits = ({ maxRole }: Principal, role: Role): boolean =>
  maxRole === undefined || includes(maxRole, role)

/** Who sent a request, once that has been verified. */
export interface Principal {
  /** The user's name, as the provider knows it. */
  readonly name: string
  /** The name of the provider that verified the login. */
  readonly provider: string
  /** The names of the user's groups, as the provider spells them. */
  readonly groups: readonly string[]
  /** Whether names are case-insensitive, as in directories; rules then ignore case too. Default false. */
  readonly ignoresCase?: boolean
  /** When the login expires, in milliseconds since the epoch. Default: never. */
  readonly expiresAt?: number
  /**
   * Highest role of this login, even if the policy grants the user a higher one, because a token may be created for less. It
   * also applies without a policy, so a server that takes tokens must check it, for example with `permits`. Default: no limit.
   */
  readonly maxRole?: Role
  /**
   * Whether the name belongs to no account, but to a token that the operator created for a program. Unless the policy grants
   * the name a role, its role is `maxRole`. Default false.
   */
  readonly isService?: boolean
  /** How it was authenticated, where the kind of credential doesn't say: `token 3f9a0c61d2b47e58`. For the log. */
  readonly via?: string
}

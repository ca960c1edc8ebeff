/** What a principal may do; each includes those before it. */
export type Role = 'read' | 'write' | 'admin'

/** Who sent a request, once that has been verified. */
export interface Principal {
  /** The user's name, as the provider knows it. */
  readonly name: string
  /** The name of the provider that vouches for it. */
  readonly provider: string
  /** The names of the groups that the user belongs to, as the provider spells them. */
  readonly groups: readonly string[]
  /** Whether the provider compares names without regard to case, as directories do; then rules do, too. Default false. */
  readonly ignoresCase?: boolean
  /** When the login ends by itself, in milliseconds since the epoch. Default: never. */
  readonly expiresAt?: number
  /**
   * The most that this login may do, whatever role the policy gives the user: a token may be made for less. Default: no
   * limit of its own. It holds without any policy, too.
   */
  readonly maxRole?: Role
  /**
   * Whether no account stands behind the name: a token that the operator made for a program. Where the policy doesn't
   * name the user or one of its groups, `maxRole` is its role. Default false.
   */
  readonly isService?: boolean
  /** How it was authenticated, where the kind of credential doesn't say: `token 3f9a0c61d2b47e58`. For the log. */
  readonly via?: string
}

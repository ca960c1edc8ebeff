/** Who sent a request, once that has been verified. */
export interface Principal {
  /** The user's name, as the provider knows it. */
  readonly name: string
  /** The name of the provider that vouches for it. */
  readonly provider: string
  /** The names of the groups that the user belongs to, as the provider spells them. */
  readonly groups: readonly string[]
  /** When the login ends by itself, in milliseconds since the epoch. Default: never. */
  readonly expiresAt?: number
}

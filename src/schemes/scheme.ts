/**
 * What a stolen file is worth: `strong` resists guessing, `weak` falls to a rented GPU within days, `broken` within
 * seconds, or hides nothing at all.
 */
export type Strength = 'strong' | 'weak' | 'broken'

/** The parameter that decides how long a hash takes to compute. */
export interface WorkFactor {
  /** `cost` is a power of two, `rounds` a plain number. The name of the option and of the field in reports. */
  readonly name: 'cost' | 'rounds'
  /** The range that `hash` accepts and that `--minimum` may ask for. */
  readonly min: number
  readonly max: number
  /** The default of Apache's htpasswd. */
  readonly default: number
  /** The library's default, and the least that an audit accepts. */
  readonly recommended: number
}

/** A password hashing scheme, with everything the rest of the code knows about it. */
export interface Scheme {
  /** As lists, audits and options spell it: lower case letters, digits and hyphens. */
  readonly name: string
  readonly strength: Strength
  /** What a stored hash looks like, for the manual. */
  readonly format: string
  /** Absent if the cost of a hash is fixed. */
  readonly work?: WorkFactor
  /** How many bytes of a password count; absent if all do. */
  readonly maxPasswordBytes?: number
  /** `text` if only passwords that are valid UTF-8 can be hashed and verified. */
  readonly passwords: 'text' | 'bytes'
  /** Whether `encoded` claims to be a hash of this scheme. */
  claims(encoded: string): boolean
  /** Whether `encoded` can be the hash of any password at all. */
  wellFormed(encoded: string): boolean
  /** The work factor of `encoded`, if it states one. */
  workOf?(encoded: string): number | undefined
  /** False for a malformed `encoded`. Compares in constant time. */
  verify(password: Uint8Array, encoded: string): Promise<boolean>
  /**
   * Hashes with a new salt. Absent if the scheme is only verified.
   * @param work within the range of `work`. Default: its default
   */
  hash?(password: Uint8Array, work?: number): Promise<string>
}

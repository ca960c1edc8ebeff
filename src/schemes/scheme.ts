/** The name of a scheme, as `list`, `audit` and the options of the library spell it. */
export type SchemeName =
  | 'bcrypt'
  | 'sha512-crypt'
  | 'sha256-crypt'
  | 'apr1'
  | 'md5-crypt'
  | 'sha1'
  | 'ssha'
  | 'des-crypt'
  | 'plain'

/**
 * What a stolen file is worth: `strong` resists guessing, `weak` falls to a rented GPU within days,
 * `broken` hides nothing worth the name.
 */
export type Strength = 'strong' | 'weak' | 'broken'

export interface HashOptions {
  /** bcrypt: work factor as a power of two, 4 to 17. Default 5, as Apache's htpasswd. */
  cost?: number
  /** SHA-crypt: number of rounds, 1000 to 999999999. Default 5000, as crypt(3). */
  rounds?: number
}

/** How a password becomes a hash, and how a hash is checked. One file a scheme. */
export interface Scheme {
  readonly name: SchemeName
  readonly strength: Strength
  /** Whether `encoded` claims to be of this scheme. */
  claims(encoded: string): boolean
  /** Whether `encoded` can be the hash of any password at all. */
  wellFormed(encoded: string): boolean
  /** bcrypt's cost, or the rounds of the other schemes that have them. */
  work?(encoded: string): number | undefined
  /** False for a malformed `encoded`; compares in constant time. */
  verify(password: Uint8Array, encoded: string): Promise<boolean>
  /** Absent where records are only read. */
  hash?(password: Uint8Array, options: HashOptions): Promise<string>
}

import { HtgateError } from './errors.js'
import { MAX_PASSWORD_BYTES as BCRYPT_BYTES, MAX_COST, MIN_COST } from './schemes/bcrypt.js'
import { MAX_PASSWORD_BYTES as DES_BYTES } from './schemes/des-crypt.js'
import { schemes as all, type SchemeName, type Strength, schemeNamed, schemeOf } from './schemes/index.js'
import { MAX_ROUNDS, MIN_ROUNDS } from './schemes/sha-crypt.js'

// A password and what is stored of it, for users of the library: text here, bytes in the schemes.

/**
 * Longer passwords are refused unhashed: SHA-crypt's cost grows with the square of the length, and a header of 16 KiB
 * would keep a worker busy for long. Apache's htpasswd takes 255 bytes.
 */
export const MAX_PASSWORD_BYTES = 4096

/** The schemes that `hash` makes. The others are only read. */
export type HashScheme = Exclude<SchemeName, 'md5-crypt' | 'ssha' | 'plain'>

export interface HashOptions {
  /** Default `bcrypt`. */
  scheme?: HashScheme | undefined
  /** bcrypt's work factor, a power of two: 4 to 17. Default 10. */
  cost?: number | undefined
  /** SHA-crypt's number of rounds: 1000 to 999,999,999. Default 5000, as crypt(3). */
  rounds?: number | undefined
}

/** What can be read from a stored hash without the password. */
export interface Description {
  readonly scheme: SchemeName
  readonly strength: Strength
  /** bcrypt's work factor. */
  readonly cost?: number
  /** SHA-crypt's number of rounds. */
  readonly rounds?: number
}

/**
 * Every scheme that is read here, strongest first.
 *
 * @example
 * schemes[0] // → { scheme: 'bcrypt', strength: 'strong' }
 */
export const schemes: readonly Omit<Description, 'cost' | 'rounds'>[] = all.map(({ name, strength }) => ({
  scheme: name,
  strength,
}))

const DEFAULT_COST = 10

const HASH_SCHEMES: readonly string[] = [
  'bcrypt',
  'sha512-crypt',
  'sha256-crypt',
  'apr1',
  'sha1',
  'des-crypt',
] satisfies HashScheme[]

/**
 * Whether `password` is the one that `encoded` was made from: what stands after the colon in a password file. False,
 * too, for what no scheme can read, bare plaintext included.
 *
 * It hashes in this thread: a server has `createAuthenticator`.
 *
 * @example
 * await verify('secret', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=') // → true
 */
export async function verify(password: string, encoded: string): Promise<boolean> {
  const bytes = Buffer.from(requireText('password', password))
  if (bytes.length > MAX_PASSWORD_BYTES) return false
  const stored = bytesAsText(requireText('encoded', encoded))
  return (await schemeOf(stored)?.verify(bytes, stored)) ?? false
}

/**
 * Hashes `password` with a new salt, for a password file.
 *
 * It hashes in this thread, and bcrypt keeps it busy for about 50 ms at the default cost.
 *
 * @example
 * await hash('secret') // → '$2y$10$…'
 * await hash('secret', { scheme: 'sha512-crypt', rounds: 100_000 }) // → '$6$rounds=100000$…'
 *
 * @throws HtgateError ERR_OPTION; ERR_PASSWORD for one with a NUL, of more than 4096 bytes, or of more than the scheme
 * looks at: 72 bytes for bcrypt, 8 for DES
 */
export async function hash(password: string, options: HashOptions = {}): Promise<string> {
  const { scheme, work } = algorithmOf(options)
  const bytes = Buffer.from(requireText('password', password))
  const most = { bcrypt: BCRYPT_BYTES, 'des-crypt': DES_BYTES }[scheme as string] ?? MAX_PASSWORD_BYTES
  if (bytes.includes(0)) throw new HtgateError('ERR_PASSWORD', 'a password cannot contain a NUL')
  if (bytes.length > most) {
    throw new HtgateError('ERR_PASSWORD', `${scheme} takes ${most} bytes of a password, not ${bytes.length}`)
  }
  const settings = work === undefined ? {} : { cost: work, rounds: work }
  return (await schemeNamed(scheme).hash?.(bytes, settings)) as string
}

/** A scheme, and its cost or rounds where it has them and they are not its own default. */
export interface Algorithm {
  readonly scheme: HashScheme
  readonly work: number | undefined
}

/** @throws HtgateError ERR_OPTION */
export function algorithmOf(options: HashOptions): Algorithm {
  if (typeof options !== 'object' || options === null) {
    throw new HtgateError('ERR_OPTION', 'options for hashing have to be an object, such as { cost: 12 }')
  }
  const { scheme = 'bcrypt', cost, rounds } = options
  if (!HASH_SCHEMES.includes(scheme)) {
    throw new HtgateError('ERR_OPTION', `option scheme has to be one of ${HASH_SCHEMES.join(', ')}`)
  }
  requireWork('cost', cost, scheme === 'bcrypt', MIN_COST, MAX_COST)
  requireWork('rounds', rounds, scheme.endsWith('-crypt') && scheme !== 'des-crypt', MIN_ROUNDS, MAX_ROUNDS)
  return { scheme, work: scheme === 'bcrypt' ? (cost ?? DEFAULT_COST) : rounds }
}

/**
 * What kind of hash `encoded` is; undefined for what no scheme can read, bare plaintext included.
 *
 * @example
 * const encoded = '$2y$10$7EqJtq98hPqEX7fNZaFWoOhi5Q9gZ0kFY1oAaVgqGpX1yQeZkq8dW'
 * describe(encoded) // → { scheme: 'bcrypt', strength: 'strong', cost: 10 }
 */
export function describe(encoded: string): Description | undefined {
  const stored = bytesAsText(requireText('encoded', encoded))
  const scheme = schemeOf(stored)
  if (!scheme?.wellFormed(stored)) return undefined
  const { name, strength } = scheme
  const work = scheme.work?.(stored)
  if (work === undefined) return { scheme: name, strength }
  return { scheme: name, strength, ...(name === 'bcrypt' ? { cost: work } : { rounds: work }) }
}

/** A stored hash is bytes, one character each; only {PLAIN} has any beyond ASCII. */
const bytesAsText = (text: string): string => Buffer.from(text).toString('latin1')

const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text)

function requireText(name: string, value: string): string {
  if (typeof value !== 'string') throw new HtgateError('ERR_OPTION', `${name} has to be a string`)
  // Half of a surrogate pair has no UTF-8; what was made of it would be the same for every half.
  if (!isWellFormed(value)) throw new HtgateError('ERR_OPTION', `${name} has to be well-formed Unicode`)
  return value
}

function requireWork(
  name: 'cost' | 'rounds',
  value: number | undefined,
  applies: boolean,
  least: number,
  most: number,
): void {
  if (value === undefined) return
  if (!applies) throw new HtgateError('ERR_OPTION', `option ${name} does not apply to this scheme`)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new HtgateError('ERR_OPTION', `option ${name} has to be a whole number from ${least} to ${most}`)
  }
}

import { HtgateError } from './errors.js'
import { type Algorithm, hashWith, isHashScheme, isInRange } from './schemes/algorithm.js'
import {
  schemes as all,
  type HashScheme,
  type SchemeName,
  type Strength,
  schemeNamed,
  schemeOf,
} from './schemes/index.js'

// Hashing and verifying for users of the library: text here, bytes in the schemes.

/**
 * Longer passwords are rejected unhashed: SHA-crypt takes quadratic time in the length, and a header of 16 KiB would
 * keep a worker busy for long. Apache's htpasswd takes 255 bytes.
 */
export const MAX_PASSWORD_BYTES = 4096

/** How to hash a password. */
export interface HashOptions {
  /** Default `bcrypt`. */
  scheme?: HashScheme | undefined
  /** bcrypt's work factor, a power of two: 4 to 17. Default 10. */
  cost?: number | undefined
  /** SHA-crypt's number of rounds: 1000 to 999,999,999. Default 5000, as in crypt(3). */
  rounds?: number | undefined
}

/** What a stored hash reveals without the password. */
export interface Description {
  readonly scheme: SchemeName
  readonly strength: Strength
  /** bcrypt's work factor. */
  readonly cost?: number
  /** SHA-crypt's number of rounds. */
  readonly rounds?: number
}

/**
 * Every supported scheme, strongest first.
 *
 * @example
 * schemes[0] // → { scheme: 'bcrypt', strength: 'strong' }
 */
export const schemes: readonly Omit<Description, 'cost' | 'rounds'>[] = all.map(({ name, strength }) => ({
  scheme: name,
  strength,
}))

/**
 * Whether `encoded`, the part after the colon in a password file, is a hash of `password`. False also for plaintext, for hashes of
 * unsupported schemes, and for a password longer than 4096 bytes.
 *
 * Hashes in the calling thread; servers should use `createAuthenticator`.
 *
 * @example
 * await verify('secret', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=') // → true
 *
 * @throws HtgateError ERR_OPTION for an argument that is not a string of well-formed Unicode
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
 * Hashes in the calling thread; bcrypt blocks it for about 50 ms at the default cost.
 *
 * @example
 * await hash('secret') // → '$2y$10$…'
 * await hash('secret', { scheme: 'sha512-crypt', rounds: 100_000 }) // → '$6$rounds=100000$…'
 *
 * @throws HtgateError ERR_OPTION; ERR_PASSWORD for a password that contains a NUL, is longer than 4096 bytes, or is
 * longer than the scheme reads: 72 bytes for bcrypt, 8 for DES crypt
 */
export async function hash(password: string, options: HashOptions = {}): Promise<string> {
  const algorithm = algorithmOf(options)
  const bytes = Buffer.from(requireText('password', password))
  const { name, maxPasswordBytes = MAX_PASSWORD_BYTES } = schemeNamed(algorithm.scheme)
  if (bytes.includes(0)) throw new HtgateError('ERR_PASSWORD', 'a password cannot contain a NUL byte')
  if (bytes.length > maxPasswordBytes) {
    const message = `${name} takes at most ${maxPasswordBytes} bytes of a password, not ${bytes.length}`
    throw new HtgateError('ERR_PASSWORD', message)
  }
  return hashWith(algorithm, bytes)
}

/**
 * The algorithm that `options` choose.
 * @throws HtgateError ERR_OPTION
 */
export function algorithmOf(options: HashOptions): Algorithm {
  if (typeof options !== 'object' || options === null) {
    throw new HtgateError('ERR_OPTION', 'hash options must be an object, such as { cost: 12 }')
  }
  const { scheme = 'bcrypt' } = options
  if (!isHashScheme(scheme)) {
    const names = all.filter(({ hash }) => hash).map(({ name }) => name)
    throw new HtgateError('ERR_OPTION', `option scheme must be one of ${names.join(', ')}`)
  }
  const found = schemeNamed(scheme)
  const factor = found.work
  for (const name of ['cost', 'rounds'] as const) {
    const value = options[name]
    if (value === undefined) continue
    if (name !== factor?.name)
      throw new HtgateError('ERR_OPTION', `option ${name} does not apply to ${scheme}`)
    if (!isInRange(found, value)) {
      throw new HtgateError(
        'ERR_OPTION',
        `option ${name} must be an integer from ${factor.min} to ${factor.max}`,
      )
    }
  }
  // A hash that doesn't state its rounds has the default, and is shorter.
  const recommended = factor?.recommended === factor?.default ? undefined : factor?.recommended
  return { scheme, work: (factor && options[factor.name]) ?? recommended }
}

/**
 * What kind of hash `encoded` is; undefined for unsupported or malformed hashes and for plaintext.
 *
 * @example
 * const encoded = '$2y$10$7EqJtq98hPqEX7fNZaFWoOhi5Q9gZ0kFY1oAaVgqGpX1yQeZkq8dW'
 * describe(encoded) // → { scheme: 'bcrypt', strength: 'strong', cost: 10 }
 */
export function describe(encoded: string): Description | undefined {
  const stored = bytesAsText(requireText('encoded', encoded))
  const scheme = schemeOf(stored)
  if (!scheme?.wellFormed(stored)) return undefined
  const { name, strength, work } = scheme
  const value = scheme.workOf?.(stored)
  return { scheme: name, strength, ...(work && value !== undefined ? { [work.name]: value } : {}) }
}

/** A stored hash is bytes, one character each; only {PLAIN} has any beyond ASCII. */
const bytesAsText = (text: string): string => Buffer.from(text).toString('latin1')

const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text)

function requireText(name: string, value: string): string {
  if (typeof value !== 'string') throw new HtgateError('ERR_OPTION', `${name} must be a string`)
  // Lone surrogates have no UTF-8 encoding; all would become the same replacement character.
  if (!isWellFormed(value)) throw new HtgateError('ERR_OPTION', `${name} must be well-formed Unicode`)
  return value
}

export type { HashScheme } from './schemes/index.js'

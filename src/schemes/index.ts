import { apr1, md5Crypt } from './apr1.js'
import { bcrypt } from './bcrypt.js'
import { desCrypt } from './des-crypt.js'
import { plain } from './plain.js'
import type { Scheme, SchemeName } from './scheme.js'
import { sha256Crypt, sha512Crypt } from './sha-crypt.js'
import { sha1, ssha } from './sha1.js'

/** Every scheme that records are read in, strongest first. A new one needs its file and its place here. */
export const schemes: readonly Scheme[] = [
  bcrypt,
  sha512Crypt,
  sha256Crypt,
  apr1,
  md5Crypt,
  ssha,
  sha1,
  desCrypt,
  plain,
]

/** The scheme that `encoded` claims to be of; undefined for bare plaintext and for what nobody here knows. */
export function schemeOf(encoded: string): Scheme | undefined {
  return schemes.find((scheme) => scheme.claims(encoded))
}

export function schemeNamed(name: SchemeName): Scheme {
  return schemes.find((scheme) => scheme.name === name) as Scheme
}

export type { HashOptions, Scheme, SchemeName, Strength } from './scheme.js'

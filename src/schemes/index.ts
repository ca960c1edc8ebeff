import { apr1, md5Crypt } from './apr1.js'
import { bcrypt } from './bcrypt.js'
import { desCrypt } from './des-crypt.js'
import { plain } from './plain.js'
import type { Scheme } from './scheme.js'
import { sha256Crypt, sha512Crypt } from './sha-crypt.js'
import { sha1, ssha } from './sha1.js'

/** Every scheme, strongest first. */
const list = [
  bcrypt, //
  sha512Crypt,
  sha256Crypt,
  apr1,
  md5Crypt,
  ssha,
  sha1,
  desCrypt,
  plain,
] as const

type Listed = (typeof list)[number]

export type SchemeName = Listed['name']

/** The name of a scheme that can hash; the others are only verified. */
export type HashScheme = Extract<Listed, Required<Pick<Scheme, 'hash'>>>['name']

export const schemes: readonly (Scheme & { readonly name: SchemeName })[] = list

/** The scheme that `encoded` claims; undefined for plaintext and for unsupported hashes. */
export function schemeOf(encoded: string): (typeof schemes)[number] | undefined {
  return schemes.find((scheme) => scheme.claims(encoded))
}

export function schemeNamed(name: SchemeName): (typeof schemes)[number] {
  return schemes.find((scheme) => scheme.name === name) as (typeof schemes)[number]
}

export type { Scheme, Strength, WorkFactor } from './scheme.js'

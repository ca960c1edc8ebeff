import { isUtf8 } from 'node:buffer'
import { type HashScheme, type SchemeName, schemeNamed, schemes } from './index.js'
import type { Scheme } from './scheme.js'

/** A scheme with its cost or rounds; `work` undefined leaves that to the scheme. */
export interface Algorithm<Name extends string = HashScheme> {
  readonly scheme: Name
  readonly work: number | undefined
}

/** Reads `bcrypt:12` or a scheme's name alone; undefined for anything else, including a work factor out of range. */
export function parseAlgorithm(text: string): Algorithm<SchemeName> | undefined {
  const [, name, digits] = /^([a-z0-9-]+)(?::([1-9]\d{0,8}))?$/.exec(text) ?? []
  const scheme = schemes.find((scheme) => scheme.name === name)
  if (scheme === undefined) return undefined
  if (digits === undefined) return { scheme: scheme.name, work: undefined }
  const work = Number(digits)
  return isInRange(scheme, work) ? { scheme: scheme.name, work } : undefined
}

/** Whether `scheme` has a work factor and `work` is within its range. */
export function isInRange({ work: factor }: Scheme, work: number): boolean {
  return factor !== undefined && Number.isInteger(work) && work >= factor.min && work <= factor.max
}

/** Whether `name` is that of a scheme that can hash. */
export function isHashScheme(name: string): name is HashScheme {
  return schemes.some((scheme) => scheme.name === name && scheme.hash)
}

/** Hashes `password` with a new salt. */
export function hashWith({ scheme, work }: Algorithm, password: Uint8Array): Promise<string> {
  return (schemeNamed(scheme).hash as NonNullable<Scheme['hash']>)(password, work)
}

/** Whether a scheme can process `password` at all: bcrypt takes UTF-8 only. */
export function accepts({ passwords }: Scheme, password: Uint8Array): boolean {
  return passwords === 'bytes' || isUtf8(password)
}

/** Whether bytes at the end of `password` don't count. */
export function truncates({ maxPasswordBytes }: Scheme, password: Uint8Array): boolean {
  return maxPasswordBytes !== undefined && password.length > maxPasswordBytes
}

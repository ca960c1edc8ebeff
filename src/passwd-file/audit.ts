import { MAX_COST, MIN_COST } from '../schemes/bcrypt.js'
import { type Scheme, type SchemeName, schemeOf, schemes } from '../schemes/index.js'
import { MAX_ROUNDS, MIN_ROUNDS } from '../schemes/sha-crypt.js'
import { entriesOf } from './entries.js'

// What is wrong with a password file, told from its content alone: nothing is hashed here.

export type Rule =
  | 'weak-scheme'
  | 'low-cost'
  | 'plaintext'
  | 'unknown-scheme'
  | 'malformed-hash'
  | 'malformed-line'
  | 'empty-hash'
  | 'duplicate-user'

export interface Finding {
  readonly rule: Rule
  /** The line's number, from 1. */
  readonly line: number
  /** One character a byte; absent where a line has no user. */
  readonly user?: string
  readonly message: string
}

/** The weakest scheme that passes, with its least cost or rounds. */
export interface Minimum {
  readonly scheme: SchemeName
  readonly work: number | undefined
}

/** Reads `bcrypt:12`, or a scheme alone; undefined for anything else. */
export function parseMinimum(text: string): Minimum | undefined {
  const [, name, work] = /^([a-z0-9-]+)(?::([1-9]\d{0,8}))?$/.exec(text) ?? []
  const scheme = schemes.find((scheme) => scheme.name === name)
  if (scheme === undefined) return undefined
  if (work === undefined) return { scheme: scheme.name, work: undefined }
  const [least, most] = WORK[scheme.name] ?? [1, 0]
  return Number(work) >= least && Number(work) <= most
    ? { scheme: scheme.name, work: Number(work) }
    : undefined
}

/** What can be asked for, since htpasswd can make it. */
const WORK: Partial<Record<SchemeName, readonly [least: number, most: number]>> = {
  bcrypt: [MIN_COST, MAX_COST],
  'sha512-crypt': [MIN_ROUNDS, MAX_ROUNDS],
  'sha256-crypt': [MIN_ROUNDS, MAX_ROUNDS],
}

/** bcrypt below 10 and SHA-crypt below crypt(3)'s own default are within reach of a rented GPU. */
const LEAST_WORK: Partial<Record<SchemeName, number>> = {
  bcrypt: 10,
  'sha512-crypt': 5000,
  'sha256-crypt': 5000,
}

/** Lines that are no records come first, as nothing else can be mended before them; then all by their lines. */
export function audit(bytes: Buffer, minimum?: Minimum): Finding[] {
  const { entries, malformed } = entriesOf(bytes)
  const broken: Finding[] = malformed.map(({ number }) => ({
    rule: 'malformed-line',
    line: number,
    message: "no colon: not a record, and Apache's htpasswd refuses the whole file",
  }))

  const findings: Finding[] = []
  const firstLine = new Map<string, number>()
  for (const { number: line, user, encoded } of entries) {
    const first = firstLine.get(user)
    if (first === undefined) firstLine.set(user, line)
    else
      findings.push({
        rule: 'duplicate-user',
        line,
        user,
        message: `user already on line ${first}; servers read that one`,
      })
    const weakness = weaknessOf(encoded, minimum)
    if (weakness) findings.push({ line, user, ...weakness })
  }
  return [...broken, ...findings]
}

/** Why a hash is not good enough; undefined if it is. */
export function weaknessOf(
  encoded: string,
  minimum?: Minimum,
): Pick<Finding, 'rule' | 'message'> | undefined {
  if (encoded === '') return { rule: 'empty-hash', message: 'no hash: the user cannot log in' }
  const scheme = schemeOf(encoded)
  if (scheme === undefined) {
    return isMarked(encoded)
      ? { rule: 'unknown-scheme', message: 'a hash of no known scheme: the user cannot log in' }
      : { rule: 'plaintext', message: 'the password itself, readable to all who read the file' }
  }
  if (!scheme.wellFormed(encoded)) {
    return { rule: 'malformed-hash', message: `not a whole ${scheme.name} hash: the user cannot log in` }
  }
  if (isWeaker(scheme, minimum))
    return { rule: 'weak-scheme', message: `${scheme.name} is ${describe(scheme, minimum)}` }

  const least = scheme.name === minimum?.scheme && minimum.work ? minimum.work : LEAST_WORK[scheme.name]
  const work = scheme.work?.(encoded)
  if (least !== undefined && work !== undefined && work < least) {
    return {
      rule: 'low-cost',
      message: `${scheme.name} with ${workName(scheme.name)} ${work}, less than ${least}`,
    }
  }
  return undefined
}

/** Whether what no scheme here claims is a hash all the same, by the mark that it begins with, or a bare password. */
export const isMarked = (encoded: string): boolean => /^[$_{*!]/.test(encoded)

/** What a scheme calls its work: bcrypt has a cost, the others have rounds. */
export const workName = (scheme: SchemeName): 'cost' | 'rounds' => (scheme === 'bcrypt' ? 'cost' : 'rounds')

/** `schemes` is in the order of their strength. */
function isWeaker(scheme: Scheme, minimum: Minimum | undefined): boolean {
  if (minimum === undefined) return scheme.strength !== 'strong'
  return schemes.indexOf(scheme) > schemes.findIndex(({ name }) => name === minimum.scheme)
}

function describe(scheme: Scheme, minimum: Minimum | undefined): string {
  if (scheme.strength === 'broken') return 'broken: such hashes are found out in seconds'
  if (scheme.strength === 'weak') return 'weak: such hashes are guessed by the billion'
  return `weaker than ${minimum?.scheme}`
}

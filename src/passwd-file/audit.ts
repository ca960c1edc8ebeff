import type { Algorithm } from '../schemes/algorithm.js'
import { type Scheme, type SchemeName, schemeOf, schemes } from '../schemes/index.js'
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
export type Minimum = Algorithm<SchemeName>

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

  const factor = scheme.work
  const least = (scheme.name === minimum?.scheme && minimum.work) || factor?.recommended
  const work = scheme.workOf?.(encoded)
  if (factor && least !== undefined && work !== undefined && work < least) {
    return {
      rule: 'low-cost',
      message: `${scheme.name} with ${factor.name} ${work}, less than ${least}`,
    }
  }
  return undefined
}

/** Whether what no scheme here claims is a hash all the same, by the mark that it begins with, or a bare password. */
export const isMarked = (encoded: string): boolean => /^[$_{*!]/.test(encoded)

/** The list runs from the strongest scheme to the weakest. */
const indexOf = (name: string): number => schemes.findIndex((scheme) => scheme.name === name)

function isWeaker(scheme: Scheme, minimum: Minimum | undefined): boolean {
  if (minimum === undefined) return scheme.strength !== 'strong'
  return indexOf(scheme.name) > indexOf(minimum.scheme)
}

function describe(scheme: Scheme, minimum: Minimum | undefined): string {
  if (scheme.strength === 'broken') return 'broken: such hashes are found out in seconds'
  if (scheme.strength === 'weak') return 'weak: such hashes are guessed by the billion'
  return `weaker than ${minimum?.scheme}`
}

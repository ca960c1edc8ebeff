import type { Command } from 'commander'
import type { SchemeName } from '../schemes/index.js'
import { MAX_ROUNDS, MIN_ROUNDS } from '../schemes/sha-crypt.js'
import { errors, warnings } from './messages.js'
import { stderr } from './output.js'

/** What -m -2 -5 -B -d -s -p -C -r choose. */
export interface Algorithm {
  readonly scheme: SchemeName
  /** -C and -r are one value to Apache: bcrypt's cost or the rounds of SHA-crypt. */
  readonly work: number | undefined
}

const SCHEMES: Record<string, SchemeName> = {
  m: 'apr1',
  2: 'sha256-crypt',
  5: 'sha512-crypt',
  B: 'bcrypt',
  d: 'des-crypt',
  s: 'sha1',
  p: 'plain',
}

const LONG_MAX = 2n ** 63n - 1n

/** Adds the options to `command`, and answers what they choose, which is known when the command has been parsed. */
export function algorithmOptions(command: Command): Algorithm {
  const chosen: { scheme: SchemeName; work: number | undefined } = { scheme: 'apr1', work: undefined }
  for (const [letter, scheme] of Object.entries(SCHEMES)) {
    command.option(`-${letter}`).on(`option:${letter}`, () => {
      chosen.scheme = scheme
      if (scheme === 'plain') stderr(warnings.plain)
    })
  }
  for (const letter of ['C', 'r']) {
    command.option(`-${letter} <number>`).on(`option:${letter}`, (text: string) => {
      chosen.work = positiveInteger(text) || undefined
    })
  }
  return chosen
}

/** strtol(3) in a C int: white space, a sign, and what does not fit wraps around. */
function positiveInteger(text: string): number {
  const [, digits] = /^[ \t-\r]*([+-]?\d+)$/.exec(text) ?? []
  if (digits === undefined || BigInt(digits) <= 0n) throw errors.workNotPositive()
  const long = BigInt(digits) > LONG_MAX ? LONG_MAX : BigInt(digits)
  return Number(BigInt.asIntN(32, long))
}

/** @throws Exit for rounds that crypt(3) does not take: Apache stores a record that nobody can use */
export function checkRounds({ scheme, work }: Algorithm): void {
  const takesRounds = scheme === 'sha256-crypt' || scheme === 'sha512-crypt'
  if (takesRounds && work !== undefined && (work < MIN_ROUNDS || work > MAX_ROUNDS)) {
    throw errors.roundsOutOfRange(work)
  }
}

import type { Command } from 'commander'
import { type Algorithm, isInRange } from '../schemes/algorithm.js'
import { type HashScheme, schemeNamed, type WorkFactor } from '../schemes/index.js'
import { errors, warnings } from './messages.js'
import { stderr } from './output.js'

/** What the options -m -2 -5 -B -d -s -p and -C -r choose. -p stores the password itself. */
export type Chosen = Algorithm<HashScheme | typeof PLAINTEXT>

export const PLAINTEXT = 'plaintext'

/** Apache's option letters, and the schemes that they select. */
export const FLAGS: Readonly<Record<string, HashScheme>> = {
  m: 'apr1',
  2: 'sha256-crypt',
  5: 'sha512-crypt',
  B: 'bcrypt',
  d: 'des-crypt',
  s: 'sha1',
}

const LONG_MAX = 2n ** 63n - 1n

/**
 * Adds the `wanted` options to `command`. The result is valid once the command line has been parsed.
 */
export function algorithmOptions(command: Command, wanted = (_letter: string): boolean => true): Chosen {
  const chosen: { scheme: Chosen['scheme']; work: number | undefined } = { scheme: 'apr1', work: undefined }
  for (const [letter, scheme] of Object.entries(FLAGS).filter(([letter]) => wanted(letter))) {
    command.option(`-${letter}`).on(`option:${letter}`, () => {
      chosen.scheme = scheme
    })
  }
  if (wanted('p')) {
    command.option('-p').on('option:p', () => {
      chosen.scheme = PLAINTEXT
      stderr(warnings.plain)
    })
  }
  // In Apache's htpasswd, -C and -r set the same variable.
  for (const letter of ['C', 'r'].filter(wanted)) {
    command.option(`-${letter} <number>`).on(`option:${letter}`, (text: string) => {
      chosen.work = positiveInteger(text) || undefined
    })
  }
  return chosen
}

/** Parses as strtol(3) into a C int does: accepts white space and a sign, and wraps around. */
function positiveInteger(text: string): number {
  const [, digits] = /^[ \t-\r]*([+-]?\d+)$/.exec(text) ?? []
  if (digits === undefined || BigInt(digits) <= 0n) throw errors.workNotPositive()
  const long = BigInt(digits) > LONG_MAX ? LONG_MAX : BigInt(digits)
  return Number(BigInt.asIntN(32, long))
}

/** The chosen scheme's work factor, if it has one. */
export function workFactorOf({ scheme }: Chosen): WorkFactor | undefined {
  return scheme === PLAINTEXT ? undefined : schemeNamed(scheme).work
}

/** @throws Exit for rounds that crypt(3) rejects; Apache's stores a record that matches no password */
export function checkRounds(chosen: Chosen): void {
  const factor = workFactorOf(chosen)
  if (factor?.name === 'rounds' && isOutOfRange(chosen))
    throw errors.roundsOutOfRange(chosen.work as number, factor)
}

/** @throws Exit for a cost that Apache's bcrypt rejects */
export function checkCost(chosen: Chosen): void {
  if (workFactorOf(chosen)?.name === 'cost' && isOutOfRange(chosen)) throw errors.bcryptCost()
}

function isOutOfRange({ scheme, work }: Chosen): boolean {
  return scheme !== PLAINTEXT && work !== undefined && !isInRange(schemeNamed(scheme), work)
}

/** Warns about -C or -r with a scheme other than bcrypt and SHA-crypt. */
export function warnOfUnusedWork(chosen: Chosen): void {
  if (chosen.work !== undefined && workFactorOf(chosen) === undefined) stderr(warnings.workIgnored)
}

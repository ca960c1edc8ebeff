import { readFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import { badUser, isSpace } from '../../passwd-file/records.js'
import { reason } from '../../system/errno.js'
import { readAll } from '../input.js'
import { stderr } from '../output.js'
import { fileName } from '../read.js'
import { complaints, type Problem, reasons, waitsForLines } from './messages.js'

/** A line of input: the user, one character per byte, and everything after the first colon. */
export interface Credential {
  readonly number: number
  readonly user: string
  readonly secret: Buffer
}

const MAX_STRING = 255
/** Some editors write it at the start of UTF-8 files. It is not part of the first name. */
const BOM = Buffer.from('\ufeff')
const NEWLINE = 0x0a
const RETURN = 0x0d
const HASH_SIGN = 0x23

/** Reads all of `input`: a path, or `-` for standard input. */
export function readInput(input: string): Buffer {
  if (input === '-' && isatty(0)) stderr(waitsForLines)
  try {
    const bytes = input === '-' ? readAll() : readFileSync(input)
    return bytes.subarray(0, BOM.length).equals(BOM) ? bytes.subarray(BOM.length) : bytes
  } catch (error) {
    throw complaints.cannotRead(fileName(input), reason(error as Error))
  }
}

/** Calls `visit` with each line that is neither blank nor a comment, without its line break. */
function eachInputLine(bytes: Buffer, visit: (line: Buffer, number: number) => void): void {
  for (let start = 0, number = 1; start < bytes.length; number++) {
    const newline = bytes.indexOf(NEWLINE, start)
    const next = newline === -1 ? bytes.length : newline + 1
    let end = newline === -1 ? next : newline
    if (end > start && bytes[end - 1] === RETURN) end--
    if (!isSkipped(bytes, start, end)) visit(bytes.subarray(start, end), number)
    start = next
  }
}

/** Whether the line is blank or a comment, as in a password file. */
function isSkipped(bytes: Buffer, start: number, end: number): boolean {
  let first = start
  while (first < end && isSpace(bytes[first])) first++
  return first === end || bytes[first] === HASH_SIGN
}

/**
 * Parses lines of `user:secret`, the format of chpasswd(8). Skips blank lines and comments.
 * @param check returns what is wrong with a secret, or undefined
 */
export function credentials(
  bytes: Buffer,
  check: (secret: Buffer) => string | undefined,
): { found: Credential[]; problems: Problem[] } {
  const found: Credential[] = []
  const problems: Problem[] = []
  const firstLine = new Map<string, number>()
  eachInputLine(bytes, (line, number) => {
    const colon = line.indexOf(':')
    const user = line.toString('latin1', 0, colon === -1 ? line.length : colon)
    const secret = line.subarray(colon + 1)
    const reason = colon === -1 ? reasons.noColon : (userProblem(line.subarray(0, colon)) ?? check(secret))
    const first = firstLine.get(user)
    if (reason) problems.push({ number, reason })
    else if (first !== undefined) problems.push({ number, reason: reasons.duplicate(user, first) })
    else {
      firstLine.set(user, number)
      found.push({ number, user, secret })
    }
  })
  return { found, problems }
}

/** Parses a list of names, one per line. */
export function users(bytes: Buffer): { found: string[]; problems: Problem[] } {
  const found = new Set<string>()
  const problems: Problem[] = []
  eachInputLine(bytes, (line, number) => {
    if (line.includes(':')) problems.push({ number, reason: "username contains illegal character ':'" })
    else found.add(line.toString('latin1'))
  })
  return { found: [...found], problems }
}

function userProblem(user: Buffer): string | undefined {
  return user.length > MAX_STRING ? reasons.userTooLong : badUser(user)
}

/** Rejects what Apache's htpasswd rejects, and empty passwords, which in a list are mistakes. */
export function passwordProblem(password: Buffer): string | undefined {
  if (password.length === 0) return reasons.noPassword
  if (password.length > MAX_STRING) return reasons.tooLong
  return password.includes(0) ? reasons.nul : undefined
}

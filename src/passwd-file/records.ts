import { isHash } from './not-a-hash.js'

// Bytes to records and back. A password file is bytes, not text: an edit leaves everything it doesn't concern
// byte-identical, whatever its encoding or line endings. Lines are read as in Apache's htpasswd: leading white space, blank
// lines and comments are skipped, and the user ends at the first colon.

const NEWLINE = 0x0a
const RETURN = 0x0d
const COLON = 0x3a
const HASH_SIGN = 0x23

/** A line of a password file: `start` to `end` with its newline; `number` counts from 1. */
export interface Line {
  readonly start: number
  readonly end: number
  readonly number: number
}

/** A line with a user and a hash. */
export interface RecordLine extends Line {
  readonly userStart: number
  readonly colon: number
}

/** A line without a colon that is neither blank nor a comment. */
export interface Malformed extends Line {
  readonly malformed: true
}

/** isspace(3) in the C locale. */
export const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || (byte !== undefined && byte >= 9 && byte <= 13)

/** Where a line starts, and its number. */
export interface Position {
  readonly start: number
  readonly number: number
}

const TOP: Position = { start: 0, number: 1 }

/**
 * Calls `visit` with each record and malformed line that starts between `from` and `until`, until it returns false. Returns
 * where to continue. Uses a callback instead of an iterator for speed, since a file may have a million lines.
 */
export function eachLine(
  bytes: Buffer,
  visit: (line: RecordLine | Malformed) => boolean,
  from = TOP,
  until = bytes.length,
): Position {
  let { start, number } = from
  for (; start < until; number++) {
    const newline = bytes.indexOf(NEWLINE, start)
    const end = newline === -1 ? bytes.length : newline + 1

    let userStart = start
    while (userStart < end && isSpace(bytes[userStart])) userStart++
    if (userStart < end && bytes[userStart] !== HASH_SIGN) {
      let colon = userStart
      while (colon < end && bytes[colon] !== COLON) colon++
      const goOn = visit(
        colon < end ? { start, end, number, userStart, colon } : { start, end, number, malformed: true },
      )
      if (!goOn) return { start: end, number: number + 1 }
    }
    start = end
  }
  return { start, number }
}

/** The user of a record, one character per byte. */
export function userOf(bytes: Buffer, line: RecordLine): string {
  return bytes.toString('latin1', line.userStart, line.colon)
}

export function isRecordOf(bytes: Buffer, line: RecordLine, user: Buffer): boolean {
  return (
    line.colon - line.userStart === user.length &&
    bytes.compare(user, 0, user.length, line.userStart, line.colon) === 0
  )
}

/** Everything after the first colon, without the line ending: what Apache's htpasswd takes as the hash. */
export function restOf(bytes: Buffer, line: RecordLine): string {
  let end = line.colon + 1
  while (end < line.end && bytes[end] !== NEWLINE && bytes[end] !== RETURN) end++
  return bytes.toString('latin1', line.colon + 1, end)
}

/**
 * The hash as servers read it: everything between the first colon and the second. As in httpd, without trailing white space;
 * in {PLAIN}, that may be part of the password, as in nginx.
 */
export function encodedOf(bytes: Buffer, line: RecordLine): string {
  const rest = restOf(bytes, line)
  const colon = rest.indexOf(':')
  if (colon !== -1) return rest.slice(0, colon)
  if (!isSpace(rest.charCodeAt(rest.length - 1)) || isHash(rest)) return rest
  return rest.replace(/[\t-\r ]+$/, '')
}

export interface Found {
  readonly lines: readonly RecordLine[]
  /** The first malformed line; the lines below it were not read. */
  readonly malformed?: Malformed
}

/** All records of `user`, down to the end or to the first malformed line. */
export function find(bytes: Buffer, user: Buffer): Found {
  const lines: RecordLine[] = []
  let malformed: Malformed | undefined
  eachLine(bytes, (line) => {
    if ('malformed' in line) {
      malformed = line
      return false
    }
    if (isRecordOf(bytes, line, user)) lines.push(line)
    return true
  })
  return malformed ? { lines, malformed } : { lines }
}

/**
 * The longest record, including its newline. Apache's htpasswd has a buffer of 256 bytes including NUL, and takes the rest of
 * a longer line as another record.
 */
export const MAX_RECORD_BYTES = 255

/** A file's new content, in pieces that share memory with the old one. */
export type Pieces = Buffer[]

/** `bytes` with each of `lines` replaced by `record`, or removed without one. */
export function replace(bytes: Buffer, lines: readonly Line[], record?: Buffer): Pieces {
  const pieces: Pieces = []
  let position = 0
  for (const line of lines) {
    pieces.push(bytes.subarray(position, line.start))
    if (record) pieces.push(record)
    position = line.end
  }
  pieces.push(bytes.subarray(position))
  return pieces
}

/** `bytes` with `record` at the end, on its own line even if the last line has no newline. */
export function append(bytes: Buffer, record: Buffer): Pieces {
  const ended = bytes.length === 0 || bytes[bytes.length - 1] === NEWLINE
  return ended ? [bytes, record] : [bytes, Buffer.from('\n'), record]
}

/**
 * Why `user` cannot be written to a record; undefined if it can. A record that reads back as another user, or as none, would
 * be worse than an error.
 */
export function badUser(user: Buffer): string | undefined {
  if (user.length === 0) return 'username is empty'
  if (user.includes(COLON)) return "username contains illegal character ':'"
  if (user.some((byte) => byte < 0x20 || byte === 0x7f)) return 'username contains a control character'
  if (user[0] === 0x20) return 'username starts with a space'
  if (user[0] === HASH_SIGN) return "username starts with '#', which makes the record a comment"
  return undefined
}

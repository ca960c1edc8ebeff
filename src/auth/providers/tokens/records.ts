import { isRole, type Role } from '../../principal.js'
import { digestOf } from './token.js'

// The token file: one record per line, fields separated by one space, text percent-encoded, `-` for none:
//
//   SHA-256 ROLE CREATED EXPIRES ACCOUNT CONFIRMED USER GROUPS NAME USED
//
// Lines that start with `#` and blank lines are skipped. USED comes last, so that everything before it tells whether
// a token has changed.

const NEWLINE = 0x0a
const SPACE = 0x20
const HASH_SIGN = 0x23
export const DIGEST_LENGTH = 64
const FIELDS = 10
const ID_LENGTH = 16

/** How long tokens of an account that cannot be looked up work after its `confirmed` login, by default; in milliseconds. */
export const OWNER_TTL = 30 * 86_400_000

export const HEADER =
  '# htgate tokens: SHA-256 role created expires account confirmed user groups name used\n'

export interface TokenRecord {
  /** SHA-256 of the token, in hexadecimal. */
  readonly digest: string
  /** The owner. */
  readonly user: string
  /** The token's highest role. */
  readonly role: Role
  /** In milliseconds since the epoch, like all times here; with a precision of seconds. */
  readonly created: number
  /** Default: never. */
  readonly expires?: number | undefined
  /** The provider of the owner's account. Undefined for a program's token, until a provider knows the name. */
  readonly account?: string | undefined
  /** The owner's last login, for accounts that cannot be looked up; with a precision of hours. */
  readonly confirmed?: number | undefined
  /** The owner's groups at that login. */
  readonly groups: readonly string[]
  /** The owner's description. */
  readonly name: string
  /** Last use; with a precision of days. */
  readonly used?: number | undefined
}

/** The ID of a token in lists and on command lines: the start of its digest. */
export const idOf = (record: TokenRecord): string => record.digest.slice(0, ID_LENGTH)

/** The record of a new token. */
export function recordOf(token: string, record: Omit<TokenRecord, 'digest'>): TokenRecord {
  return { ...record, digest: digestOf(token) }
}

/** The line of `record`, with its newline. */
export function serialize(record: TokenRecord): Buffer {
  const fields = [
    record.digest,
    record.role,
    secondText(record.created),
    record.expires === undefined ? '-' : secondText(record.expires),
    record.account ? encode(record.account) : '-',
    record.confirmed === undefined ? '-' : secondText(record.confirmed),
    encode(record.user),
    record.groups.map(encode).join(',') || '-',
    encode(record.name),
    record.used === undefined ? '-' : dayText(record.used),
  ]
  return Buffer.from(`${fields.join(' ')}\n`)
}

/** Parses a line; undefined if it is not a record. */
export function parse(line: string): TokenRecord | undefined {
  const fields = line.trimEnd().split(' ')
  if (fields.length !== FIELDS) return undefined
  const [digest = '', role = '', created, expires, account, confirmed, user, groups, name, used] = fields
  if (!/^[0-9a-f]{64}$/.test(digest) || !isRole(role)) return undefined
  try {
    const record: TokenRecord = {
      digest,
      role,
      created: time(created) as number,
      expires: time(expires),
      account: decode(account) || undefined,
      confirmed: time(confirmed),
      user: decode(user),
      groups: groups === '-' ? [] : (groups as string).split(',').map(decode),
      name: decode(name),
      used: time(used),
    }
    return record.user === '' || record.created === undefined ? undefined : record
  } catch {
    return undefined
  }
}

/**
 * Calls `visit` with each line that is neither blank nor a comment, and that starts between `from` and `until`. `end`
 * includes the newline.
 * @returns where to continue
 */
export function eachLine(
  bytes: Buffer,
  visit: (start: number, end: number, number: number) => void,
  from = { start: 0, number: 1 },
  until = bytes.length,
): { start: number; number: number } {
  let { start, number } = from
  for (; start < until; number++) {
    const newline = bytes.indexOf(NEWLINE, start)
    const end = newline === -1 ? bytes.length : newline + 1
    const first = bytes[start]
    if (first !== HASH_SIGN && first !== NEWLINE && bytes.toString('latin1', start, end).trim() !== '') {
      visit(start, end, number)
    }
    start = end
  }
  return { start, number }
}

/** Whether a line looks like a record. A quick check, for files with a million lines. */
export function looksLikeRecord(bytes: Buffer, start: number, end: number): boolean {
  if (end - start <= DIGEST_LENGTH || bytes[start + DIGEST_LENGTH] !== SPACE) return false
  let spaces = 0
  for (let i = start + DIGEST_LENGTH; i < end; i++) if (bytes[i] === SPACE) spaces++
  if (spaces !== FIELDS - 1) return false
  for (let i = start; i < start + DIGEST_LENGTH; i++) {
    const byte = bytes[i] as number
    if (!((byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66))) return false
  }
  const role = bytes.toString('latin1', start + DIGEST_LENGTH + 1, start + DIGEST_LENGTH + 7)
  return /^(?:read|write|admin) /.test(role)
}

/** Lone surrogates become U+FFFD. */
const encode = (text: string): string => {
  if (text === '') return '-'
  if (text === '-') return '%2D'
  return encodeURIComponent(Buffer.from(text).toString())
}
const decode = (text = '-'): string => (text === '-' ? '' : decodeURIComponent(text))

/** `2026-01-31T12:00:00Z`. */
export const secondText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`
/** `2026-01-31`. */
export const dayText = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** @throws RangeError for an invalid time */
function time(text = '-'): number | undefined {
  if (text === '-') return undefined
  const ms = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw new RangeError(text)
  return ms
}

import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { update } from '../../../passwd-file/store/update.js'
import type { Role } from '../../principal.js'
import { DIGEST_LENGTH, eachLine, HEADER, parse, recordOf, serialize, type TokenRecord } from './records.js'
import { listTokens, TokenTable } from './table.js'
import { makeToken } from './token.js'

// Edits a token file like a password file: one process at a time, all or nothing.

const MAX_USER_BYTES = 255
const MAX_NAME_BYTES = 255
const HOUR = 3_600_000
const DAY = 24 * HOUR

export interface NewToken {
  readonly user: string
  readonly role: Role
  /** Milliseconds since the epoch. Default: never. */
  readonly expires?: number | undefined
  /** The owner's description. Default: empty. */
  readonly name?: string | undefined
  /** The provider of the owner's account. Default: none, for a program's token. */
  readonly account?: string | undefined
  /** The owner's groups, if the provider cannot look them up later. */
  readonly groups?: readonly string[] | undefined
  /** Whether the owner has just logged in at a provider that cannot look accounts up. */
  readonly confirmed?: boolean | undefined
}

/**
 * Creates a token and adds it to the file at `path`, which need not exist.
 * @returns the token, which cannot be retrieved later, and its record
 * @throws RangeError for an invalid name; LockedError or a system error, with the file unchanged
 */
export async function createToken(
  path: string,
  { user, role, expires, name = '', account, groups = [], confirmed }: NewToken,
  now = Date.now(),
): Promise<{ token: string; record: TokenRecord }> {
  const flaw = flawOfUser(user) ?? flawOfName(name)
  if (flaw) throw new RangeError(flaw)
  const token = makeToken()
  const day = confirmed ? now : undefined
  const record = recordOf(token, { user, role, created: now, expires, account, confirmed: day, groups, name })
  const line = serialize(record)
  createPrivate(path)
  await update(
    path,
    (content) => {
      const ended = content.length === 0 ? Buffer.from(HEADER) : content
      const newline = ended.at(-1) === 0x0a ? [] : [Buffer.from('\n')]
      return { pieces: [ended, ...newline, line], done: undefined }
    },
    { create: 'if-missing' },
  )
  return { token, record }
}

/** Creates an empty file that only this user can read, whatever the umask, if there is none. */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch {
    // It exists already, or the edit will report what is wrong.
  }
}

/** Why the user name is invalid; undefined if it is valid. */
export function flawOfUser(user: string): string | undefined {
  if (user === '') return 'the user name is empty'
  if (Buffer.byteLength(user) > MAX_USER_BYTES) return `the user name is longer than ${MAX_USER_BYTES} bytes`
  return hasControl(user) ? 'the user name contains a control character' : undefined
}

/** Why the token's name is invalid; undefined if it is valid. */
export function flawOfName(name: string): string | undefined {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `the name is longer than ${MAX_NAME_BYTES} bytes`
  return hasControl(name) ? 'the name contains a control character' : undefined
}

const hasControl = (text: string): boolean => /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text)

/** Reads the file at `path`. */
export async function readTable(path: string): Promise<TokenTable> {
  return TokenTable.build(await readFile(path))
}

/** Reads the records in the file at `path`: all, or those of one user. */
export async function readTokens(path: string, user?: string): Promise<TokenRecord[]> {
  return listTokens(await readFile(path), user)
}

/**
 * Removes the records for which `isRevoked` returns true.
 * @returns the removed records
 */
export async function revokeTokens(
  path: string,
  isRevoked: (record: TokenRecord) => boolean,
): Promise<TokenRecord[]> {
  const revoked: TokenRecord[] = []
  await editRecords(path, (record) => {
    if (!isRevoked(record)) return record
    revoked.push(record)
    return undefined
  })
  return revoked
}

/** Updates since the gate last wrote the file. */
export interface Updates {
  /** Last use, by digest. */
  readonly used: ReadonlyMap<string, number>
  /** The provider found to have an account of the token's user, by digest. */
  readonly accounts: ReadonlyMap<string, string>
  /** Logins of owners, and their groups, by provider and user (`confirmationKey`). */
  readonly confirmed: ReadonlyMap<string, { readonly groups: readonly string[]; readonly at: number }>
}

export const confirmationKey = (account: string, user: string): string => `${account}\n${user}`

/** Writes updates to the file, unless it already has them. */
export async function recordUpdates(path: string, { used, accounts, confirmed }: Updates): Promise<void> {
  // Logins are recorded by user, everything else by token: no other records need to be parsed.
  const concerns = (digest: string) => confirmed.size > 0 || used.has(digest) || accounts.has(digest)
  const edit = (record: TokenRecord): TokenRecord => {
    const account = record.account ?? accounts.get(record.digest)
    const login = account === undefined ? undefined : confirmed.get(confirmationKey(account, record.user))
    const lastUsed = later(record.used, used.get(record.digest), DAY)
    const lastConfirmed = later(record.confirmed, login?.at, HOUR)
    const groups = login ? [...login.groups].sort() : record.groups
    if (
      account === record.account &&
      lastUsed === record.used &&
      lastConfirmed === record.confirmed &&
      groups.join('\n') === record.groups.join('\n')
    ) {
      return record
    }
    return { ...record, account, used: lastUsed, confirmed: lastConfirmed, groups }
  }
  await editRecords(path, edit, concerns)
}

/** `fresh` if it is at least one tick later than `known`, otherwise `known`. */
function later(known: number | undefined, fresh: number | undefined, tick: number): number | undefined {
  return fresh !== undefined && isLater(known, fresh, tick) ? fresh : known
}

const isLater = (known: number | undefined, fresh: number, tick: number): boolean =>
  known === undefined || Math.floor(fresh / tick) > Math.floor(known / tick)

/** Whether a use is worth recording. */
export const isLaterDay = (known: number | undefined, fresh: number): boolean => isLater(known, fresh, DAY)

/**
 * Replaces each record with the result of `edit`; undefined removes it. Other lines stay unchanged, byte for byte.
 * @param concerns whether the record with this digest is to be edited. Default: all
 */
async function editRecords(
  path: string,
  edit: (record: TokenRecord) => TokenRecord | undefined,
  concerns: (digest: string) => boolean = () => true,
): Promise<void> {
  await update(path, (content) => {
    const pieces: Buffer[] = []
    let position = 0
    eachLine(content, (start, end) => {
      if (!concerns(content.toString('latin1', start, start + DIGEST_LENGTH))) return
      const record = parse(content.toString('utf8', start, end))
      const edited = record && edit(record)
      if (edited === record) return
      pieces.push(content.subarray(position, start))
      if (edited) pieces.push(serialize(edited))
      position = end
    })
    if (position === 0) return { done: undefined }
    pieces.push(content.subarray(position))
    return { pieces, done: undefined }
  })
}

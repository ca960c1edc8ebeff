import { fileError, HtgateError } from '../../../errors.js'
import { isRole, type Role } from '../../principal.js'
import { idOf, type TokenRecord } from './records.js'
import {
  createToken as create,
  flawOfName,
  flawOfUser,
  readTokens,
  revokeTokens as revoke,
} from './token-file.js'

// The library's functions for a token file: what `htgate token` does.

/** A token to create. */
export interface TokenRequest {
  /** The owner. */
  user: string
  /** The token's highest role. */
  role: Role
  /** When it expires, in milliseconds since the epoch. Default: never. */
  expires?: number | undefined
  /** A description. Default: empty. */
  name?: string | undefined
  /**
   * The provider of the owner's account, such as `file`: the token is valid only while the account exists. Default: the first
   * provider that knows the owner when the token is used; until one does, it is a program's token, without an account.
   */
  account?: string | undefined
}

/** A token, without its secret, which is not stored. Times are in milliseconds since the epoch. */
export interface TokenInfo {
  /** 16 hexadecimal digits. */
  readonly id: string
  /** The owner. */
  readonly user: string
  /** The token's highest role. */
  readonly role: Role
  readonly name: string
  /** With a precision of seconds. */
  readonly created: number
  /** With a precision of seconds. Absent if it never expires. */
  readonly expires?: number
  /** The provider of the owner's account. Absent for a program's token. */
  readonly account?: string
  /** The day of the last use. Absent if it has not been used. */
  readonly used?: number
}

/**
 * Creates a token, and adds it to the token file at `path`. The file is created if there is none, with mode 600. An
 * authenticator that watches the file accepts the token within a second.
 *
 * @returns the token, which cannot be retrieved later, and what the file says about it
 * @example
 * const { token, info } = await createToken('tokens', { user: 'ci', role: 'write' })
 * token // → 'htg_…'
 * await revokeTokens('tokens', ({ id }) => id === info.id)
 * await listTokens('tokens') // → []
 *
 * @throws HtgateError ERR_USER, ERR_OPTION, ERR_FILE_…
 */
export async function createToken(
  path: string,
  { user, role, expires, name = '', account }: TokenRequest,
): Promise<{ token: string; info: TokenInfo }> {
  const flaw = typeof user === 'string' ? flawOfUser(user) : 'the user name is not a string'
  if (flaw !== undefined) throw new HtgateError('ERR_USER', flaw)
  if (!isRole(role)) throw wrong('role', "must be 'read', 'write' or 'admin'")
  const badName = typeof name === 'string' ? flawOfName(name) : 'the name is not a string'
  if (badName !== undefined) throw wrong('name', `is invalid: ${badName}`)
  if (expires !== undefined && !(Number.isFinite(expires) && expires >= 0 && expires <= MAX_TIME)) {
    throw wrong('expires', 'must be a time in milliseconds since the epoch')
  }
  if (account !== undefined && (typeof account !== 'string' || account === '')) {
    throw wrong('account', 'must be the name of a provider')
  }
  const { token, record } = await create(path, { user, role, expires, name, account }).catch((error) => {
    throw fileError(path, 'update', error)
  })
  return { token, info: infoOf(record) }
}

/**
 * The tokens in the token file at `path`: all, or those of one user.
 * @throws HtgateError ERR_FILE_…
 */
export async function listTokens(path: string, user?: string): Promise<TokenInfo[]> {
  const records = await readTokens(path, user).catch((error) => {
    throw fileError(path, 'read', error)
  })
  return records.map(infoOf)
}

/**
 * Revokes the tokens for which `isRevoked` returns true. Authenticators that watch the file reject them within a second.
 *
 * @returns the revoked tokens
 * @throws HtgateError ERR_FILE_…
 */
export async function revokeTokens(
  path: string,
  isRevoked: (token: TokenInfo) => boolean,
): Promise<TokenInfo[]> {
  const revoked = await revoke(path, (record) => isRevoked(infoOf(record))).catch((error) => {
    throw fileError(path, 'update', error)
  })
  return revoked.map(infoOf)
}

/** The year 9999, the last that the file's format can express. */
const MAX_TIME = Date.parse('9999-12-31T23:59:59Z')

function infoOf(record: TokenRecord): TokenInfo {
  const { user, role, name, created, expires, account, used } = record
  return {
    id: idOf(record),
    user,
    role,
    name,
    created: inSeconds(created),
    ...(expires === undefined ? {} : { expires: inSeconds(expires) }),
    ...(account === undefined ? {} : { account }),
    ...(used === undefined ? {} : { used }),
  }
}

/** As in the file. */
const inSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000

const wrong = (name: string, why: string) => new HtgateError('ERR_OPTION', `option ${name} ${why}`)

import { isUtf8 } from 'node:buffer'
import { MAX_PASSWORD_BYTES } from '../password.js'

// HTTP Basic credentials (RFC 7617): `Basic ` and the base 64 of `user:password`, in UTF-8.

/**
 * Longer names are nobody's: Apache's htpasswd makes no such records. They would fill the log, and whatever counts by
 * name, with as much as fits in a header.
 */
export const MAX_USER_BYTES = 255

export interface Credentials {
  readonly user: Buffer
  readonly password: Buffer
}

/** The name of the scheme in any case, one space or more, and what RFC 7235 calls token68. */
const BASIC = /^basic(?:$| +)/i
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={0,2})?$/

/**
 * Reads the values of a request's `Authorization` headers; there has to be one. Another scheme, `Bearer` for one, means
 * that there are no credentials here.
 */
export function parseCredentials(
  authorization: string | readonly string[] | undefined,
): Credentials | 'no-credentials' | 'malformed' {
  const header = typeof authorization === 'string' ? authorization : authorization?.[0]
  if (header === undefined) return 'no-credentials'
  // Which of two counts is a matter of taste, and whoever stands between us and the client may have another.
  if (typeof authorization !== 'string' && authorization !== undefined && authorization.length > 1) {
    return 'malformed'
  }

  const scheme = BASIC.exec(header)?.[0]
  if (scheme === undefined) return 'no-credentials'
  const token = header.slice(scheme.length)
  if (!BASE64.test(token)) return 'malformed'

  const bytes = Buffer.from(token, 'base64')
  const colon = bytes.indexOf(0x3a)
  if (colon === -1 || colon > MAX_USER_BYTES) return 'malformed'
  if (bytes.length - colon - 1 > MAX_PASSWORD_BYTES) return 'malformed'
  if (bytes.some(isControl)) return 'malformed'
  const user = bytes.subarray(0, colon)
  // The challenge asked for UTF-8, and the name goes on to logs and headers as text.
  if (!isUtf8(user)) return 'malformed'
  return { user, password: bytes.subarray(colon + 1) }
}

/** RFC 7617 allows none in user or password. */
const isControl = (byte: number): boolean => byte < 0x20 || byte === 0x7f

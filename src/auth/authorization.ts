import { isUtf8 } from 'node:buffer'
import { MAX_PASSWORD_BYTES } from '../password.js'
import type { Credential } from './credential.js'

// The Authorization header: HTTP Basic (RFC 7617) and bearer tokens (RFC 6750).

/**
 * Longest user name. Apache's htpasswd creates no longer ones, and they would fill the log and every table keyed by name
 * with as much as fits in a header.
 */
export const MAX_USER_BYTES = 255
export const MAX_TOKEN_BYTES = 16_384

/** The values of a request's `Authorization` headers: `request.headersDistinct.authorization`. */
export type Authorization = string | readonly string[] | undefined

/** The scheme, in any case, then at least one space (RFC 9110, section 11.4). */
const SCHEME = /^(basic|bearer)(?:$| +)/i
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={0,2})?$/
const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/

/**
 * Parses a request's `Authorization` headers. There must be exactly one; schemes other than Basic and Bearer count as no
 * credentials.
 *
 * @returns the credential. The password of a Basic credential may be empty; `LoginPipeline` denies those
 */
export function parseAuthorization(
  authorization: Authorization,
): Credential | 'no-credentials' | 'malformed' {
  const header = typeof authorization === 'string' ? authorization : authorization?.[0]
  if (header === undefined) return 'no-credentials'
  // Servers disagree on which of two headers counts, and a proxy in between may have used the other one.
  if (typeof authorization !== 'string' && authorization !== undefined && authorization.length > 1) {
    return 'malformed'
  }
  const match = SCHEME.exec(header)
  if (match === null) return 'no-credentials'
  const token = header.slice(match[0].length)
  return match[1]?.length === 5 ? parseBasic(token) : parseBearer(token)
}

function parseBasic(token: string): Credential | 'malformed' {
  if (!BASE64.test(token)) return 'malformed'
  const bytes = Buffer.from(token, 'base64')
  const colon = bytes.indexOf(0x3a)
  if (colon === -1 || colon > MAX_USER_BYTES) return 'malformed'
  if (bytes.length - colon - 1 > MAX_PASSWORD_BYTES) return 'malformed'
  if (hasControl(bytes)) return 'malformed'
  const user = bytes.subarray(0, colon)
  // The challenge requires UTF-8, and logs and headers need the name as text.
  if (!isUtf8(user)) return 'malformed'
  return { kind: 'basic', name: user.toString(), user, password: bytes.subarray(colon + 1) }
}

function parseBearer(token: string): Credential | 'malformed' {
  if (token.length > MAX_TOKEN_BYTES || !TOKEN68.test(token)) return 'malformed'
  return { kind: 'bearer', token }
}

/** RFC 7617 forbids control characters in both user and password. */
function hasControl(bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number
    if (byte < 0x20 || byte === 0x7f) return true
  }
  return false
}

import { createHash } from 'node:crypto'
import { equal } from './bytes.js'
import type { Scheme } from './scheme.js'

// RFC 2307's {SHA} and {SSHA}: one round of SHA-1, without and with a salt. Apache writes the first; nginx reads both.

const sha1Of = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha1')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

export const sha1 = {
  name: 'sha1',
  strength: 'broken',
  format: '{SHA}…: one round of SHA-1, no salt',
  passwords: 'bytes',
  claims: (encoded) => encoded.startsWith('{SHA}'),
  wellFormed: (encoded) => /^\{SHA\}[+/0-9A-Za-z]{27}=$/.test(encoded),
  async verify(password, encoded) {
    return equal(`{SHA}${sha1Of(password).toString('base64')}`, encoded)
  },
  async hash(password) {
    return `{SHA}${sha1Of(password).toString('base64')}`
  },
} as const satisfies Scheme

export const ssha = {
  name: 'ssha',
  strength: 'broken',
  format: '{SSHA}…: one round of SHA-1 with a salt',
  passwords: 'bytes',
  claims: (encoded) => encoded.startsWith('{SSHA}'),
  wellFormed: (encoded) => decode(encoded) !== undefined,
  async verify(password, encoded) {
    const bytes = decode(encoded)
    if (bytes === undefined) return false
    const salt = bytes.subarray(20)
    return equal(sha1Of(password, salt).toString('latin1'), bytes.toString('latin1', 0, 20))
  },
} as const satisfies Scheme

/** Base64, padded or not; a single character at the end would encode nothing. */
const SSHA = /^\{SSHA\}((?:[+/0-9A-Za-z]{4})*(?:[+/0-9A-Za-z]{2,3}={0,2})?)$/

/** The digest's 20 bytes, and the salt after them. */
function decode(encoded: string): Buffer | undefined {
  const [, text] = SSHA.exec(encoded) ?? []
  if (text === undefined) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.length >= 20 ? bytes : undefined
}

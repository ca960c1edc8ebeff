import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

// The gate's own tokens: `htg_`, 256 random bits in base 62 and a checksum, 53 characters. The format is GitHub's (prefix,
// base 62, CRC-32 in six digits), so secret scanners can find tokens with \bhtg_[0-9A-Za-z]{49}\b, and verify the checksum
// offline. Tokens have too many bits to guess, so a fast hash is enough to store them.

export const PREFIX = 'htg_'
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SECRET_BYTES = 32
/** 62^43 is just over 2^256. */
const SECRET_DIGITS = 43
const CHECKSUM_DIGITS = 6
const FORM = new RegExp(`^${PREFIX}[0-9A-Za-z]{${SECRET_DIGITS + CHECKSUM_DIGITS}}$`)

/** @param random 32 bytes, for tests */
export function makeToken(random: Buffer = randomBytes(SECRET_BYTES)): string {
  const secret = base62(BigInt(`0x${random.toString('hex')}`), SECRET_DIGITS)
  return `${PREFIX}${secret}${checksumOf(secret)}`
}

/** Whether `text` has the form of a token, with the right checksum. Does not tell whether the token exists. */
export function isToken(text: string): boolean {
  if (!FORM.test(text)) return false
  const end = PREFIX.length + SECRET_DIGITS
  return checksumOf(text.slice(PREFIX.length, end)) === text.slice(end)
}

/** SHA-256 in hexadecimal, as in the token file: the same as `printf %s TOKEN | sha256sum`. */
export const digestOf = (token: string): string => hash('sha256', token, 'hex')

const checksumOf = (secret: string): string => base62(BigInt(crc32(secret)), CHECKSUM_DIGITS)

function base62(number: bigint, digits: number): string {
  let text = ''
  for (let rest = number; text.length < digits; rest /= 62n) text = DIGITS[Number(rest % 62n)] + text
  return text
}

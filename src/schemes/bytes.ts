import { randomBytes, timingSafeEqual } from 'node:crypto'

/** crypt(3)'s base64 alphabet. */
const ITOA64 = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** `length` random characters of that alphabet, six bits each. */
export function salt(length: number): string {
  let text = ''
  for (const byte of randomBytes(length)) text += ITOA64[byte & 63]
  return text
}

/** The low `6 * length` bits of `value` in crypt(3)'s little-endian base64. */
export function to64(value: number, length: number): string {
  let text = ''
  for (let rest = value, n = length; n > 0; n--, rest >>>= 6) text += ITOA64[rest & 63]
  return text
}

/** One character per byte, for libraries that hash text. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** Compares in constant time; only the lengths leak. */
export function equal(a: string, b: string): boolean {
  const x = Buffer.from(a, 'latin1')
  const y = Buffer.from(b, 'latin1')
  return x.length === y.length && timingSafeEqual(x, y)
}

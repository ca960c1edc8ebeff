import { equal, latin1, salt } from './bytes.js'
import type { Scheme } from './scheme.js'

// crypt(3) as Unix had it in 1979: DES, 12 bits of salt, and eight characters of seven bits.

const SHAPE = /^[./0-9A-Za-z]{13}$/

async function encode(password: Uint8Array, salt: string): Promise<string> {
  const { default: crypt } = await import('unix-crypt-td-js')
  return crypt(latin1(password), salt)
}

export const desCrypt = {
  name: 'des-crypt',
  strength: 'broken',
  format: '13 characters, the first two of which are the salt: DES',
  maxPasswordBytes: 8,
  passwords: 'bytes',
  claims: (encoded) => SHAPE.test(encoded),
  wellFormed: (encoded) => SHAPE.test(encoded),
  async verify(password, encoded) {
    return SHAPE.test(encoded) && equal(await encode(password, encoded.slice(0, 2)), encoded)
  },
  hash: (password) => encode(password, salt(2)),
} as const satisfies Scheme

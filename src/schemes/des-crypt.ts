import { equal, latin1, salt } from './bytes.js'
import type { Scheme } from './scheme.js'

// crypt(3) as Unix had it in 1979: DES, 12 bits of salt, and eight characters of seven bits.

/** What takes part in the hash; the rest of a longer password does not count. */
export const MAX_PASSWORD_BYTES = 8

const SHAPE = /^[./0-9A-Za-z]{13}$/

async function encode(password: Uint8Array, salt: string): Promise<string> {
  const { default: crypt } = await import('unix-crypt-td-js')
  return crypt(latin1(password), salt)
}

export const desCrypt: Scheme = {
  name: 'des-crypt',
  strength: 'broken',
  claims: (encoded) => SHAPE.test(encoded),
  wellFormed: (encoded) => SHAPE.test(encoded),
  async verify(password, encoded) {
    return SHAPE.test(encoded) && equal(await encode(password, encoded.slice(0, 2)), encoded)
  },
  hash: (password) => encode(password, salt(2)),
}

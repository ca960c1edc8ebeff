import { equal, latin1, salt } from './bytes.js'
import type { Scheme } from './scheme.js'

// MD5-based crypt with 1000 iterations: FreeBSD's `$1$`, and Apache's variant `$apr1$` (APR, apr_md5.c).
// Both use at most eight characters of salt.

function md5Based<Name extends string>(name: Name, magic: '$apr1$' | '$1$', format: string) {
  const shape = new RegExp(`^\\${magic.replace(/\$$/, '\\$')}([^$]{0,8})\\$[./0-9A-Za-z]{22}$`)

  async function encode(password: Uint8Array, salt: string): Promise<string> {
    const { default: md5 } = await import('apache-md5')
    return md5(latin1(password), `${magic}${salt}$`)
  }

  return {
    name,
    strength: 'weak',
    format,
    passwords: 'bytes',
    claims: (encoded) => encoded.startsWith(magic),
    wellFormed: (encoded) => shape.test(encoded),
    async verify(password, encoded) {
      const saltOf = shape.exec(encoded)?.[1]
      return saltOf !== undefined && equal(await encode(password, saltOf), encoded)
    },
    // The library's own salt comes from Math.random.
    hash: (password) => encode(password, salt(8)),
  } as const satisfies Scheme
}

export const apr1 = md5Based('apr1', '$apr1$', "$apr1$SALT$…: MD5 with 1,000 rounds, Apache's variant")

const { hash: _, ...verifyOnly } = md5Based('md5-crypt', '$1$', '$1$SALT$…: MD5 with 1,000 rounds')
export const md5Crypt = verifyOnly

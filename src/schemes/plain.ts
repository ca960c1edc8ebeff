import { equal, latin1 } from './bytes.js'
import type { Scheme } from './scheme.js'

// nginx's {PLAIN}. What `htpasswd -p` writes has no prefix and never verifies on Unix, where Apache compares through
// crypt(3), so it never verifies here either.

const PREFIX = '{PLAIN}'

export const plain = {
  name: 'plain',
  strength: 'broken',
  format: "{PLAIN}PASSWORD, nginx's: not hashed at all",
  passwords: 'bytes',
  claims: (encoded) => encoded.startsWith(PREFIX),
  wellFormed: (encoded) => encoded.startsWith(PREFIX),
  async verify(password, encoded) {
    return encoded.startsWith(PREFIX) && equal(latin1(password), encoded.slice(PREFIX.length))
  },
} as const satisfies Scheme

import { equal, latin1 } from './bytes.js'
import type { Scheme } from './scheme.js'

// nginx's {PLAIN}. What `htpasswd -p` writes has no mark at all and never verifies on Unix, where Apache compares
// through crypt(3); so it verifies nowhere here.

export const plain: Scheme = {
  name: 'plain',
  strength: 'broken',
  claims: (encoded) => encoded.startsWith('{PLAIN}'),
  wellFormed: (encoded) => encoded.startsWith('{PLAIN}'),
  async verify(password, encoded) {
    return encoded.startsWith('{PLAIN}') && equal(latin1(password), encoded.slice('{PLAIN}'.length))
  },
  async hash(password) {
    return latin1(password)
  },
}

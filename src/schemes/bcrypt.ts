import { randomBytes } from 'node:crypto'
import { equal } from './bytes.js'
import type { Scheme } from './scheme.js'

// bcrypt (Provos and Mazières, 1999). `$2a$`, `$2b$` and `$2y$` name one algorithm here; Apache writes `$2y$`.

/** What takes part in the hash; the rest of a longer password does not count. */
export const MAX_PASSWORD_BYTES = 72
export const DEFAULT_COST = 5
/** What Apache's htpasswd is willing to compute: 17 takes seconds, 31 a day. */
export const MIN_COST = 4
export const MAX_COST = 17

const SETTING = /^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{22}/
const SHAPE = new RegExp(`${SETTING.source}[./A-Za-z0-9]{31}$`)

/** Whether `encoded` starts with a cost and a salt that bcrypt can work with, whatever follows. */
export function hasSetting(encoded: string): boolean {
  return SETTING.test(encoded)
}

/** bcryptjs takes text and encodes it itself; bytes that are not UTF-8 have no text. */
function textOf(password: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(password)
}

async function encode(password: string, setting: string): Promise<string> {
  const { default: bcrypt } = await import('bcryptjs')
  return bcrypt.hash(password, setting)
}

export const bcrypt: Scheme = {
  name: 'bcrypt',
  strength: 'strong',
  claims: (encoded) => /^\$2[aby]\$/.test(encoded),
  wellFormed: (encoded) => SHAPE.test(encoded),
  work: (encoded) => (hasSetting(encoded) ? Number(encoded.slice(4, 6)) : undefined),

  async verify(password, encoded) {
    if (!SHAPE.test(encoded)) return false
    let text: string
    try {
      text = textOf(password)
    } catch {
      return false
    }
    return equal(await encode(text, encoded.slice(0, 29)), encoded)
  },

  /** @throws TypeError for a password that is not UTF-8 */
  async hash(password, { cost = DEFAULT_COST }) {
    const { default: bcrypt } = await import('bcryptjs')
    const salt = bcrypt.encodeBase64(randomBytes(16), 16)
    return encode(textOf(password), `$2y$${String(cost).padStart(2, '0')}$${salt}`)
  },
}

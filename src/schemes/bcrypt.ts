import { randomBytes } from 'node:crypto'
import { equal } from './bytes.js'
import type { Scheme } from './scheme.js'

// bcrypt (Provos and Mazières, 1999). `$2a$`, `$2b$` and `$2y$` name one algorithm here; Apache writes `$2y$`.

const DEFAULT_COST = 5

const SETTING = /^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{22}/
const SHAPE = new RegExp(`${SETTING.source}[./A-Za-z0-9]{31}$`)

/** bcryptjs takes text and encodes it as UTF-8 itself; there is no text for other bytes. */
function textOf(password: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(password)
}

async function encode(password: string, setting: string): Promise<string> {
  const { default: bcrypt } = await import('bcryptjs')
  return bcrypt.hash(password, setting)
}

export const bcrypt = {
  name: 'bcrypt',
  strength: 'strong',
  format: '$2y$COST$…; also $2a$ and $2b$',
  // Apache's htpasswd computes up to 17, which takes seconds; 31 would take a day.
  work: { name: 'cost', min: 4, max: 17, default: DEFAULT_COST, recommended: 10 },
  maxPasswordBytes: 72,
  passwords: 'text',
  claims: (encoded) => /^\$2[aby]\$/.test(encoded),
  wellFormed: (encoded) => SHAPE.test(encoded),
  workOf: (encoded) => (SETTING.test(encoded) ? Number(encoded.slice(4, 6)) : undefined),

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

  /** @throws TypeError for a password that isn't UTF-8 */
  async hash(password, cost = DEFAULT_COST) {
    const { default: bcrypt } = await import('bcryptjs')
    const salt = bcrypt.encodeBase64(randomBytes(16), 16)
    return encode(textOf(password), `$2y$${String(cost).padStart(2, '0')}$${salt}`)
  },
} as const satisfies Scheme

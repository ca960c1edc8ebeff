import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'

// Seals data that a browser keeps, so that it can be neither read nor changed: AES-256-GCM, with keys derived (HKDF-SHA-256) from
// the secret file. The first line seals, and every line opens. To change the secret, add a new line above the old one, and
// remove the old one when its sessions have expired.
//
//   version (1 byte) | key ID (4) | nonce (12) | ciphertext | tag (16), in base64url

const VERSION = 1
const ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 1 + ID_BYTES + NONCE_BYTES
const MIN_SECRET = 32

/** What sealed data is for. Data sealed for one purpose cannot be opened for another. */
export type Purpose = 'session' | 'login' | 'logout'

interface Key {
  readonly id: Buffer
  readonly bytes: Buffer
  readonly mac: Buffer
}

export class Seals {
  readonly #keys: readonly Key[]
  readonly #context: string

  /**
   * @param secrets newest first, at least 32 characters each
   * @param context distinguishes gates that happen to share a secret
   */
  constructor(secrets: readonly string[], context: string) {
    if (secrets.length === 0) throw new RangeError('no secret')
    this.#keys = secrets.map((secret) => ({
      id: derive(secret, 'key id', ID_BYTES),
      bytes: derive(secret, 'seal', 32),
      mac: derive(secret, 'mac', 32),
    }))
    this.#context = context
  }

  seal(purpose: Purpose, content: string | Buffer): string {
    const { id, bytes } = this.#keys[0] as Key
    const nonce = randomBytes(NONCE_BYTES)
    const head = Buffer.concat([Buffer.of(VERSION), id, nonce])
    const cipher = createCipheriv('aes-256-gcm', bytes, nonce).setAAD(this.#aad(purpose, head))
    const sealed = Buffer.concat([
      head,
      cipher.update(Buffer.from(content as Buffer)),
      cipher.final(),
      cipher.getAuthTag(),
    ])
    return sealed.toString('base64url')
  }

  /** Opens sealed data; undefined unless it was sealed with one of the keys, for this purpose and context. */
  open(purpose: Purpose, sealed: string): Buffer | undefined {
    if (!/^[\w-]+$/.test(sealed)) return undefined
    const bytes = Buffer.from(sealed, 'base64url')
    // Base64 has unused bits; only the canonical encoding is accepted.
    if (bytes.length < HEAD_BYTES + TAG_BYTES || bytes.toString('base64url') !== sealed) return undefined
    if (bytes[0] !== VERSION) return undefined
    const key = this.#keys.find(({ id }) => bytes.compare(id, 0, ID_BYTES, 1, 1 + ID_BYTES) === 0)
    if (key === undefined) return undefined
    const head = bytes.subarray(0, HEAD_BYTES)
    try {
      const decipher = createDecipheriv('aes-256-gcm', key.bytes, head.subarray(1 + ID_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAAD(this.#aad(purpose, head)).setAuthTag(bytes.subarray(-TAG_BYTES))
      const content = decipher.update(bytes.subarray(HEAD_BYTES, -TAG_BYTES))
      return Buffer.concat([content, decipher.final()])
    } catch {
      return undefined
    }
  }

  /** A code for a form, bound to `subject` and the current hour; see `isFormCode`. */
  formCode(subject: string, now = Date.now()): string {
    return codeOf((this.#keys[0] as Key).mac, `${this.#context}\n${subject}`, hourOf(now))
  }

  /** Whether `code` was made for `subject` within the last twelve hours, since forms may stay open for a while. */
  isFormCode(code: string, subject: string, now = Date.now()): boolean {
    const given = Buffer.from(code)
    let isGood = false
    for (const { mac } of this.#keys) {
      for (let hour = hourOf(now) - FORM_HOURS; hour <= hourOf(now); hour++) {
        const expected = Buffer.from(codeOf(mac, `${this.#context}\n${subject}`, hour))
        if (given.length === expected.length && timingSafeEqual(given, expected)) isGood = true
      }
    }
    return isGood
  }

  #aad(purpose: Purpose, head: Buffer): Buffer {
    return Buffer.concat([head, Buffer.from(`${purpose}\n${this.#context}`)])
  }
}

const FORM_HOURS = 12
const hourOf = (ms: number): number => Math.floor(ms / 3_600_000)
const codeOf = (key: Buffer, subject: string, hour: number): string =>
  createHmac('sha256', key).update(`${hour}\n${subject}`).digest('base64url')

const derive = (secret: string, use: string, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, 'htgate', `htgate 1 ${use}`, length))

/**
 * Parses a secret file: one secret per line, ignoring blank lines and comments (`#`).
 * @throws RangeError if a secret is too short, or there is none
 */
export function parseSecrets(content: string): string[] {
  const secrets: string[] = []
  for (const [i, line] of content.split('\n').entries()) {
    const secret = line.trim()
    if (secret === '' || secret.startsWith('#')) continue
    if (secret.length < MIN_SECRET) {
      throw new RangeError(`line ${i + 1} is shorter than ${MIN_SECRET} characters`)
    }
    secrets.push(secret)
  }
  if (secrets.length === 0) throw new RangeError('the file has no secret')
  return secrets
}

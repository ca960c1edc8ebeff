import { hash } from 'node:crypto'

// HMAC-SHA-256 (RFC 2104, whose names are B, ipad and opad) with a fixed key. Two one-shot hashes take half the time of
// createHmac, which allocates an object per message; this is most of the cost of a cached login.

const B = 64
const LENGTH = 32
const SCRATCH = 2048

/** Writes a message to `buffer` at `offset`, and returns its end. */
export type Write = (buffer: Buffer, offset: number) => number

export class KeyedHash {
  readonly #inner = Buffer.alloc(B + SCRATCH)
  readonly #outer = Buffer.alloc(B + LENGTH)

  /** @param key at most 64 bytes */
  constructor(key: Buffer) {
    for (let i = 0; i < B; i++) {
      const byte = key[i] ?? 0
      this.#inner[i] = byte ^ 0x36 // ipad
      this.#outer[i] = byte ^ 0x5c // opad
    }
  }

  /** The HMAC of the message that `write` writes, at most `length` bytes. One character per byte. */
  of(length: number, write: Write): string {
    const inner = length <= SCRATCH ? this.#inner : Buffer.alloc(B + length)
    if (inner !== this.#inner) this.#inner.copy(inner, 0, 0, B)
    const end = write(inner, B)
    this.#outer.write(hash('sha256', inner.subarray(0, end), 'binary'), B, 'binary')
    // The message may contain a password.
    inner.fill(0, B, end)
    return hash('sha256', this.#outer, 'binary')
  }
}

import { randomBytes } from 'node:crypto'
import { type Clock, monotonic } from './failure-counter.js'
import { KeyedHash } from './keyed-hash.js'
import { Oldest } from './oldest.js'

/** An HMAC of user, password and stored hash. Meaningless outside this process. */
export type VerifiedKey = string

/**
 * Remembers verified passwords, so that each is hashed once instead of with every request.
 *
 * It holds no passwords, nor anything that allows guessing them after the process has ended: its keys are HMACs under a
 * random key of this process. They include the stored hash, so after a record is changed or deleted, its old keys are never
 * looked up again, and there is nothing to invalidate.
 */
export class VerifiedCache {
  readonly #hmac = new KeyedHash(randomBytes(32))
  /** When each key expires. In the order of use, most recent last. */
  readonly #expiry = new Map<VerifiedKey, number>()
  readonly #oldest = new Oldest(this.#expiry)
  readonly #size: number
  readonly #ttl: number
  readonly #now: Clock

  /** @param ttl in milliseconds */
  constructor(size: number, ttl: number, clock = monotonic) {
    this.#size = size
    this.#ttl = ttl
    this.#now = clock
  }

  get size(): number {
    return this.#expiry.size
  }

  /** Lengths come first, so that different triples never have the same encoding. */
  keyOf({ user, password }: { user: Buffer; password: Buffer }, encoded: string): VerifiedKey {
    return this.#hmac.of(8 + user.length + password.length + encoded.length, (message, start) => {
      let end = message.writeUInt32LE(user.length, start)
      end = message.writeUInt32LE(password.length, end)
      end += user.copy(message, end)
      end += password.copy(message, end)
      return end + message.write(encoded, end, 'latin1')
    })
  }

  has(key: VerifiedKey): boolean {
    const expiry = this.#expiry.get(key)
    if (expiry === undefined) return false
    this.#expiry.delete(key)
    if (expiry <= this.#now()) return false
    this.#expiry.set(key, expiry)
    return true
  }

  add(key: VerifiedKey): void {
    if (this.#size === 0) return
    this.#expiry.delete(key)
    this.#expiry.set(key, this.#now() + this.#ttl)
    if (this.#expiry.size > this.#size) this.#oldest.drop()
  }
}

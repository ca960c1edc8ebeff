import { randomBytes } from 'node:crypto'
import { type Clock, monotonic } from './failure-counter.js'
import { KeyedHash } from './keyed-hash.js'
import { Oldest } from './oldest.js'

/** Stands for a user, a password and a stored hash; tells nothing about them outside this process. */
export type VerifiedKey = string

/**
 * Remembers which passwords were found right, so that each is hashed once and not with every request.
 *
 * No password is kept, nor anything that one could be guessed from after the process is gone: keys are HMACs under a
 * random key of this process. The stored hash is part of them; with a record that is changed or deleted they are never
 * asked for again, so there is nothing to invalidate.
 */
export class VerifiedCache {
  readonly #hmac = new KeyedHash(randomBytes(32))
  /** When each is to be forgotten. In the order of use, the latest last. */
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

  /** Lengths come first, so that no two triples are written the same way. */
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

import { randomBytes } from 'node:crypto'
import { KeyedHash } from '../../keyed-hash.js'
import type { Principal } from '../../principal.js'

export interface Login {
  principal: Principal
  /** When the directory is to be asked again, by performance.now(): before the login ends. */
  refreshAt: number
  /** When it ends unless the directory was asked, by performance.now(). */
  readonly endsAt: number
}

/** Logins that the directory has granted, by HMACs of names and passwords. No password is kept. */
export class Logins {
  readonly #hmac = new KeyedHash(randomBytes(32))
  readonly #size: number
  readonly #ttl: number
  readonly #onEnd: () => void
  /** In the order in which they end. */
  readonly #logins = new Map<string, Login>()
  #timer: NodeJS.Timeout | undefined

  /**
   * @param ttl in milliseconds
   * @param onEnd called after logins have ended by themselves
   */
  constructor(size: number, ttl: number, onEnd: () => void) {
    this.#size = size
    this.#ttl = ttl
    this.#onEnd = onEnd
  }

  get size(): number {
    return this.#logins.size
  }

  keyOf(user: Buffer, password: Buffer): string {
    return this.#hmac.of(4 + user.length + password.length, (message, start) => {
      let end = message.writeUInt32LE(user.length, start)
      end += user.copy(message, end)
      return end + password.copy(message, end)
    })
  }

  get(key: string): Login | undefined {
    const login = this.#logins.get(key)
    return login !== undefined && login.endsAt > performance.now() ? login : undefined
  }

  /** @param since when the directory was asked, by performance.now() */
  set(key: string, principal: Principal, since: number): void {
    this.#logins.delete(key)
    if (this.#size === 0 || this.#ttl === 0) return
    this.#logins.set(key, { principal, refreshAt: since + this.#ttl / 2, endsAt: since + this.#ttl })
    if (this.#logins.size > this.#size)
      for (const oldest of this.#logins.keys()) {
        this.#logins.delete(oldest)
        break
      }
    this.#schedule()
  }

  delete(key: string): boolean {
    return this.#logins.delete(key)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#logins.clear()
  }

  #schedule(): void {
    if (this.#timer !== undefined) return
    for (const { endsAt } of this.#logins.values()) {
      this.#timer = setTimeout(() => this.#sweep(), Math.max(1, endsAt - performance.now() + 1))
      this.#timer.unref()
      return
    }
  }

  #sweep(): void {
    this.#timer = undefined
    const now = performance.now()
    let ended = false
    for (const [key, { endsAt }] of this.#logins) {
      if (endsAt > now) break
      ended = true
      this.#logins.delete(key)
    }
    this.#schedule()
    if (ended) this.#onEnd()
  }
}

/** A cached value from the directory. */
export interface Remembered<T> {
  readonly value: T
  /** When to ask the directory again, by performance.now(). */
  refreshAt: number
  /** When it expires, by performance.now(). */
  readonly endsAt: number
}

const LONGEST_STEP = 15_000

/** Caches values from the directory for a limited time; drops the oldest first. */
export class RememberedValues<T> {
  readonly #size: number
  readonly #ttl: number
  /** Values that expire within this time, in milliseconds, expire together, since each expiry causes a recheck. */
  readonly #step: number
  readonly #onEnd: () => void
  /** In the order of expiry. */
  readonly #values = new Map<string, Remembered<T>>()
  #timer: NodeJS.Timeout | undefined

  /**
   * @param ttl in milliseconds
   * @param onEnd called after values have expired
   */
  constructor(size: number, ttl: number, onEnd: () => void) {
    this.#size = size
    this.#ttl = ttl
    this.#step = Math.min(LONGEST_STEP, ttl / 20)
    this.#onEnd = onEnd
  }

  get size(): number {
    return this.#values.size
  }

  get(key: string): Remembered<T> | undefined {
    const found = this.#values.get(key)
    return found !== undefined && found.endsAt > performance.now() ? found : undefined
  }

  /** @param since time of the request to the directory, by performance.now() */
  set(key: string, value: T, since: number): void {
    this.#values.delete(key)
    if (this.#size === 0 || this.#ttl === 0) return
    this.#values.set(key, { value, refreshAt: since + this.#ttl / 2, endsAt: since + this.#ttl })
    if (this.#values.size > this.#size) this.#forgetOldest()
    this.#schedule()
  }

  delete(key: string): void {
    this.#values.delete(key)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#values.clear()
  }

  #forgetOldest(): void {
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest)
      return
    }
  }

  #schedule(): void {
    if (this.#timer !== undefined) return
    for (const { endsAt } of this.#values.values()) {
      this.#timer = setTimeout(() => this.#sweep(), Math.max(1, endsAt - performance.now()))
      this.#timer.unref()
      return
    }
  }

  #sweep(): void {
    this.#timer = undefined
    const end = performance.now() + this.#step
    let ended = false
    for (const [key, { endsAt }] of this.#values) {
      if (endsAt > end) break
      ended = true
      this.#values.delete(key)
    }
    this.#schedule()
    if (ended) this.#onEnd()
  }
}

import { Oldest } from './oldest.js'

/** Most keys to keep; the oldest is dropped first. */
const MAX_KEYS = 100_000

/** A monotonic clock, in milliseconds. */
export type Clock = () => number

export const monotonic: Clock = () => performance.now()

/** Counts failures by key, for `window` milliseconds from a key's first failure. In memory, and bounded. */
export class FailureCounter {
  readonly #entries = new Map<string, { count: number; readonly until: number }>()
  readonly #oldest = new Oldest(this.#entries)
  readonly #now: Clock

  constructor(
    readonly window: number,
    clock: Clock = monotonic,
  ) {
    this.#now = clock
  }

  count(key: string): number {
    return this.#entry(key)?.count ?? 0
  }

  /** Returns the new count. */
  add(key: string): number {
    const entry = this.#entry(key)
    if (entry) return ++entry.count
    this.#purge()
    if (this.#entries.size >= MAX_KEYS) this.#oldest.drop()
    this.#entries.set(key, { count: 1, until: this.#now() + this.window })
    return 1
  }

  /** Takes back one failure. */
  remove(key: string): void {
    const entry = this.#entry(key)
    if (entry && --entry.count <= 0) this.#entries.delete(key)
  }

  forget(key: string): void {
    this.#entries.delete(key)
  }

  /** Milliseconds until the count of `key` is reset. */
  remaining(key: string): number {
    const entry = this.#entry(key)
    return entry ? entry.until - this.#now() : 0
  }

  /** Number of keys. */
  get size(): number {
    return this.#entries.size
  }

  #entry(key: string) {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.until > this.#now()) return entry
    this.#entries.delete(key)
    return undefined
  }

  /** Drops expired keys. All windows have the same length, so the oldest key expires first. */
  #purge(): void {
    const now = this.#now()
    for (let entry = this.#oldest.peek(); entry && entry[1].until <= now; entry = this.#oldest.peek()) {
      this.#oldest.drop()
    }
  }
}

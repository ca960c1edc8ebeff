import { Oldest } from './oldest.js'

/** Keys kept at most; beyond that the oldest is dropped. */
const MAX_KEYS = 100_000

/** Milliseconds that only go forward. */
export type Clock = () => number

export const monotonic: Clock = () => performance.now()

/** Counts failures by key, each within `window` milliseconds from its first. In memory, and bounded. */
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

  /** Takes one failure back. */
  remove(key: string): void {
    const entry = this.#entry(key)
    if (entry && --entry.count <= 0) this.#entries.delete(key)
  }

  forget(key: string): void {
    this.#entries.delete(key)
  }

  /** Milliseconds until `key` starts from zero again. */
  remaining(key: string): number {
    const entry = this.#entry(key)
    return entry ? entry.until - this.#now() : 0
  }

  /** Keys kept. */
  get size(): number {
    return this.#entries.size
  }

  #entry(key: string) {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.until > this.#now()) return entry
    this.#entries.delete(key)
    return undefined
  }

  /** Drops keys whose window is over. The first is the oldest, as all windows are equally long. */
  #purge(): void {
    const now = this.#now()
    for (let entry = this.#oldest.peek(); entry && entry[1].until <= now; entry = this.#oldest.peek()) {
      this.#oldest.drop()
    }
  }
}

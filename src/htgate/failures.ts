/** Keys that are remembered at most; beyond that the oldest is forgotten. */
const MOST = 100_000

/** Counts failures by key, each from the first one on for `window` milliseconds. In memory, and bounded. */
export class Failures {
  readonly #entries = new Map<string, { count: number; readonly until: number }>()

  constructor(readonly window: number) {}

  count(key: string): number {
    return this.#entry(key)?.count ?? 0
  }

  add(key: string): number {
    const entry = this.#entry(key)
    if (entry) return ++entry.count
    this.#purge()
    if (this.#entries.size >= MOST) this.#forgetOldest()
    this.#entries.set(key, { count: 1, until: performance.now() + this.window })
    return 1
  }

  /** Takes one back. */
  remove(key: string): void {
    const entry = this.#entry(key)
    if (entry && --entry.count <= 0) this.#entries.delete(key)
  }

  forget(key: string): void {
    this.#entries.delete(key)
  }

  /** Milliseconds until `key` starts anew. */
  remaining(key: string): number {
    const entry = this.#entry(key)
    return entry ? entry.until - performance.now() : 0
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#entries.size
  }

  #entry(key: string) {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.until > performance.now()) return entry
    this.#entries.delete(key)
    return undefined
  }

  /** Forgets all whose window is over. The first is the oldest: all windows are equally long. */
  #purge(): void {
    const now = performance.now()
    for (const [key, { until }] of this.#entries) {
      if (until > now) return
      this.#entries.delete(key)
    }
  }

  #forgetOldest(): void {
    for (const key of this.#entries.keys()) {
      this.#entries.delete(key)
      return
    }
  }
}

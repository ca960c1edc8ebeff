/** How often to check all deadlines, in milliseconds. */
const TICK = 250

/** Something with a deadline. */
export interface Bounded {
  /** By `performance.now()`; Infinity for none. */
  deadline: number
  /** Called when the deadline has passed. */
  expire(): void
}

/** One timer for all connections, so that moving a deadline costs only an assignment. */
export class Deadlines {
  readonly #all = new Set<Bounded>()
  #timer: NodeJS.Timeout | undefined
  /** The time of the last check; accurate enough for deadlines of a second or more. */
  now = performance.now()

  add(bounded: Bounded): void {
    this.#all.add(bounded)
    if (this.#timer) return
    this.now = performance.now()
    this.#timer = setInterval(() => this.#look(), TICK).unref()
  }

  delete(bounded: Bounded): void {
    this.#all.delete(bounded)
    if (this.#all.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** The time `milliseconds` from now, or a tick later. */
  in(milliseconds: number): number {
    return this.now + milliseconds + TICK
  }

  #look(): void {
    const now = performance.now()
    this.now = now
    for (const bounded of this.#all) {
      if (bounded.deadline > now) continue
      bounded.deadline = Number.POSITIVE_INFINITY
      bounded.expire()
    }
  }
}

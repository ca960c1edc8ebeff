/** Milliseconds between two looks at all deadlines. */
const TICK = 250

/** What has to be done by a certain time, or is called off. */
export interface Bounded {
  /** By `performance.now()`; Infinity for no bound. */
  deadline: number
  /** The time has come. */
  expire(): void
}

/** One timer for all connections: to move a deadline costs an assignment. */
export class Deadlines {
  readonly #all = new Set<Bounded>()
  #timer: NodeJS.Timeout | undefined
  /** The time as of the last look: exact enough for deadlines of a second and more. */
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

  /** The time in `milliseconds`, or a tick later. */
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

import { setTimeout as delay } from 'node:timers/promises'

/** How many of each kind count. */
const SAMPLES = 63
/** What a timer takes beyond its time, in milliseconds. */
const TIMER = 0.3
/** The longest wait, in milliseconds. */
const LONGEST = 2000

/**
 * Makes an unknown user take as long as a wrong password. A bind with a DN that does not exist costs the server no
 * hash, and no note of the failure; what it takes less than the binds that failed of late is waited for.
 */
export class UniformTiming {
  readonly #real = new Samples()
  readonly #standIn = new Samples()

  /** @param milliseconds of a bind with a wrong password */
  failed(milliseconds: number): void {
    this.#real.add(milliseconds)
  }

  /** @param milliseconds of a bind for an unknown user */
  async standIn(milliseconds: number): Promise<void> {
    this.#standIn.add(milliseconds)
    const real = this.#real.median()
    if (real === undefined) return
    const missing = Math.min(LONGEST, real - (this.#standIn.median() ?? 0))
    const wait = inWholeMilliseconds(missing - TIMER)
    if (wait > 0) await delay(wait, undefined, { ref: false })
  }
}

/** Rounded up as often as the fraction says, so that the mean is right. */
const inWholeMilliseconds = (milliseconds: number): number => Math.floor(milliseconds + Math.random())

class Samples {
  readonly #values: number[] = []
  #next = 0

  add(value: number): void {
    this.#values[this.#next] = value
    this.#next = (this.#next + 1) % SAMPLES
  }

  median(): number | undefined {
    return this.#values.toSorted((a, b) => a - b)[this.#values.length >> 1]
  }
}

import { setTimeout as delay } from 'node:timers/promises'

/** Number of samples of each kind. */
const SAMPLES = 63
/** Overhead of a timer, in milliseconds. */
const TIMER = 0.3
/** Longest wait, in milliseconds. */
const LONGEST = 2000

/**
 * Makes an unknown user take as long as a wrong password. For a nonexistent DN, the server computes no hash and records no
 * failure, so its bind is faster. The difference to recent failed binds is spent waiting.
 */
export class UniformTiming {
  readonly #real = new Samples()
  readonly #standIn = new Samples()

  /** @param milliseconds duration of a bind with a wrong password */
  failed(milliseconds: number): void {
    this.#real.add(milliseconds)
  }

  /** @param milliseconds duration of a bind for an unknown user */
  async standIn(milliseconds: number): Promise<void> {
    this.#standIn.add(milliseconds)
    const real = this.#real.median()
    if (real === undefined) return
    const missing = Math.min(LONGEST, real - (this.#standIn.median() ?? 0))
    const wait = inWholeMilliseconds(missing - TIMER)
    if (wait > 0) await delay(wait, undefined, { ref: false })
  }
}

/** Rounds randomly, up with a probability equal to the fraction, so that the mean is right. */
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

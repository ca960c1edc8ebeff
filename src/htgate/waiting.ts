import type { WriteStream } from 'node:tty'

/** When the first line appears, and how often the next ones do, in milliseconds. */
const FIRST = 1_000
const INTERVAL = 10_000

/**
 * Shows how long something has taken so far, on a terminal only. Prints whole lines: the command's output would break up a
 * line that is redrawn.
 */
export class Waiting {
  #next = FIRST

  constructor(
    readonly stream: Pick<WriteStream, 'isTTY'>,
    readonly show: (seconds: number) => void,
  ) {}

  /** @param ms how long it has taken so far */
  update(ms: number): void {
    if (!this.stream.isTTY || ms < this.#next) return
    this.#next = Math.floor(ms / INTERVAL + 1) * INTERVAL
    this.show(Math.floor(ms / 1000))
  }
}

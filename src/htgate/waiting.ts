import type { WriteStream } from 'node:tty'

/** How often the line is redrawn, in milliseconds. */
const INTERVAL = 1000

/** A progress line with the seconds elapsed. Shown on a terminal only, and erased at the end. */
export class Waiting {
  #shownAt = -INTERVAL
  #isShown = false

  constructor(
    readonly stream: WriteStream,
    readonly text: (seconds: number) => string,
  ) {}

  show(ms: number): void {
    if (!this.stream.isTTY || ms - this.#shownAt < INTERVAL) return
    this.#shownAt = ms
    this.#isShown = true
    const line = this.text(Math.floor(ms / 1000)).slice(0, (this.stream.columns || 80) - 1)
    this.stream.write(`\r\u001b[K${line}`)
  }

  clear(): void {
    if (this.#isShown) this.stream.write('\r\u001b[K')
    this.#isShown = false
  }
}

/** Whoever waits behind so many of its own client is sent away. */
const MOST = 256

/**
 * Lets in a few at a time of each client; the others wait, and who came last goes first. In a flood of guesses that come
 * as fast as they are answered, whoever comes new is the last to come, and waits for one or two; at the end of the line
 * it would wait for all.
 */
export class Line {
  readonly #clients = new Map<string, { inside: number; readonly waiting: ((turn: boolean) => void)[] }>()

  /** @param width how many of a client at a time */
  constructor(readonly width: number) {}

  /** Resolves to true when it is this one's turn, and to false when too many others came. After true, call `leave`. */
  enter(client: string): Promise<boolean> {
    const line = this.#clients.get(client) ?? { inside: 0, waiting: [] }
    this.#clients.set(client, line)
    if (line.inside < this.width) {
      line.inside++
      return Promise.resolve(true)
    }
    return new Promise((resolve) => {
      line.waiting.push(resolve)
      if (line.waiting.length > MOST) line.waiting.shift()?.(false)
    })
  }

  leave(client: string): void {
    const line = this.#clients.get(client)
    if (line === undefined) return
    const next = line.waiting.pop()
    if (next) next(true)
    else if (--line.inside === 0) this.#clients.delete(client)
  }
}

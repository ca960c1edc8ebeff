import type { Socket } from 'node:net'

/** Up to this many bytes are sent as one string: one call, one copy. */
const MOST_TOGETHER = 16_384
/** Bytes that may wait for the other side; beyond that, writers should stop. */
const MOST_WAITING = 256 * 1024

/** Number of socket events being handled. */
let turns = 0
/** The first outbox with text; they form a chain, which avoids a new array each turn. */
let first: Outbox | undefined

/** Delays writes until `endTurn`; called when handling of a socket event starts. */
export function beginTurn(): void {
  turns++
}

export function endTurn(): void {
  turns--
  if (turns === 0 && first !== undefined) flushAll()
}

function flushAll(): void {
  while (first !== undefined) {
    const outbox = first
    first = outbox.unchain()
    outbox.flush()
  }
}

/**
 * The output of a socket. Heads and small parts of bodies that are written together are sent in one packet.
 */
export class Outbox {
  readonly #socket: Socket
  /** Latin-1, one character per byte. */
  #text = ''
  #isChained = false
  #next: Outbox | undefined

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Whether the writer should stop because too much is waiting; the socket's `drain` tells when to continue. */
  get isFull(): boolean {
    return this.#socket.writableLength + this.#text.length > MOST_WAITING
  }

  text(text: string): void {
    this.#text += text
    if (this.#text.length > MOST_TOGETHER) this.flush()
    else this.#schedule()
  }

  /** @param copy whether the bytes may be overwritten afterwards */
  bytes(part: Buffer, copy: boolean): void {
    if (!this.#socket.writable) return
    if (this.#text.length + part.length <= MOST_TOGETHER) {
      this.#text += part.toString('latin1')
      this.#schedule()
      return
    }
    const bytes = copy ? Buffer.from(part) : part
    if (this.#text === '') {
      this.#socket.write(bytes)
    } else {
      this.#socket.cork()
      this.#socket.write(this.#text, 'latin1')
      this.#socket.write(bytes)
      this.#socket.uncork()
      this.#text = ''
    }
  }

  flush(): void {
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    if (this.#socket.writable) this.#socket.write(text, 'latin1')
  }

  #schedule(): void {
    if (this.#isChained) return
    this.#isChained = true
    // Outside a turn, such as after a promise, sends at the end of the tick.
    if (turns === 0 && first === undefined) process.nextTick(flushAll)
    this.#next = first
    first = this
  }

  /** Removes the first one from the chain, and returns the next. */
  unchain(): Outbox | undefined {
    const next = this.#next
    this.#next = undefined
    this.#isChained = false
    return next
  }
}

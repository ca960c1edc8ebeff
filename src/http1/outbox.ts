import type { Socket } from 'node:net'

/** Up to so many bytes go out as one string, whatever they were: one call, one copy. */
const MOST_TOGETHER = 16_384
/** Bytes that may wait for the other side. Beyond that whoever writes should stop. */
const MOST_WAITING = 256 * 1024

/**
 * What goes out on a socket. Heads and small parts of bodies that are written in one go leave in one packet, at the end
 * of the turn.
 */
export class Outbox {
  readonly #socket: Socket
  /** Latin1: a character is a byte. */
  #text = ''
  #scheduled = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Whether so much waits that the writer should stop; the socket's `drain` tells when to go on. */
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
    if (this.#scheduled) return
    this.#scheduled = true
    process.nextTick(flushScheduled, this)
  }

  static flushScheduled(outbox: Outbox): void {
    outbox.#scheduled = false
    outbox.flush()
  }
}

const { flushScheduled } = Outbox

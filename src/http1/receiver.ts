import { type BodyReader, type BodySink, bodyReader } from './body-reader.js'
import type { Fields } from './fields.js'
import { type Length, UNTIL_CLOSE } from './framing.js'
import { RequestHead, ResponseHead } from './head.js'
import { type HeadReader, requestHeadReader, responseHeadReader } from './head-reader.js'
import { badRequest, badResponse, type ProtocolError } from './protocol-error.js'

// Turns bytes into events, without knowing about sockets and time. Handles one message at a time: bytes after a message are kept
// unread until `next`.
//
//   between --first byte--> head --empty line--> body --its end--> ended --next()--> between
//                                 \--no body, or raw()---^           raw: bytes are passed on unchanged

/** Called by a receiver. */
export interface ReceiverSink<Head> extends BodySink {
  head(head: Head): void
  /** The message is complete. */
  end(trailers: Fields | undefined): void
}

abstract class Receiver<Head> {
  /** While set, nothing is read, and incoming bytes are kept. */
  held = false
  /** Whether the message is complete, and `next` has not been called yet. */
  ended = false
  #rest: Buffer | undefined
  #heads: HeadReader
  #body: BodyReader | undefined
  #running = false

  constructor(
    readonly sink: ReceiverSink<Head>,
    readonly failure: (message: string) => ProtocolError,
  ) {
    this.#heads = this.headReader()
  }

  protected abstract headReader(): HeadReader
  /** Parses a head, and returns the length of its body. */
  protected abstract readHead(text: string): Length

  /** Whether an event is being handled; kept bytes are read after that. */
  get isRunning(): boolean {
    return this.#running
  }

  /** Number of bytes kept. */
  get kept(): number {
    return this.#rest?.length ?? 0
  }

  /** Whether no byte of a message has arrived. */
  get isBetween(): boolean {
    return this.#body === undefined && !this.ended && this.#heads.isEmpty && this.kept === 0
  }

  /** The part of an incomplete head that has arrived. */
  get partialHead(): string {
    return this.#heads.partial
  }

  /** @throws ProtocolError */
  receive(bytes: Buffer): void {
    this.#rest = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes])
    this.run()
  }

  /** Copies kept bytes, since the read buffer may be overwritten. */
  own(): void {
    if (this.#rest !== undefined) this.#rest = Buffer.from(this.#rest)
  }

  /** Continues after `held` was cleared. @throws ProtocolError */
  run(): void {
    // If a sink calls this from within an event, the loop below continues anyway.
    if (this.#running) return
    this.#running = true
    try {
      while (this.#rest !== undefined && !this.held && !this.ended) this.#step(this.#rest)
    } finally {
      this.#running = false
    }
  }

  #step(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length && !this.held && !this.ended) {
      // If a sink throws or calls `next`, `rest` has the unread bytes.
      if (this.#body === undefined) {
        if (this.#heads.isEmpty) {
          at = this.skip(bytes, at)
          if (at === bytes.length) break
        }
        at = this.#heads.read(bytes, at)
        if (this.#heads.text !== '') {
          this.#rest = at < bytes.length ? bytes.subarray(at) : undefined
          this.#takeHead()
          return
        }
      } else {
        at = this.#body.read(bytes, at, this.sink)
        if (this.#body.done) {
          this.#rest = at < bytes.length ? bytes.subarray(at) : undefined
          this.#finish(this.#body.trailers)
          return
        }
      }
    }
    this.#rest = at < bytes.length ? bytes.subarray(at) : undefined
  }

  /** The position at which the next head starts. */
  protected skip(_: Buffer, at: number): number {
    return at
  }

  #takeHead(): void {
    const { text } = this.#heads
    this.#heads.text = ''
    const length = this.readHead(text)
    if (this.#body !== undefined || this.ended) return // The sink has decided.
    if (length === NOT_YET) return
    if (length === 0) this.#finish(undefined)
    else this.#body = bodyReader(length, this.failure)
  }

  #finish(trailers: Fields | undefined): void {
    this.#body = undefined
    this.ended = true
    this.sink.end(trailers)
  }

  /** From now on, bytes are passed on unchanged. */
  raw(): void {
    this.ended = false
    this.#body = bodyReader(UNTIL_CLOSE, this.failure)
  }

  /** Starts the next message. */
  next(): void {
    this.ended = false
    this.#body = undefined
  }

  /**
   * The sender has closed its side, which completes a message that ends with its connection.
   * @returns whether a message is incomplete
   */
  close(): boolean {
    if (this.ended || this.isBetween) return false
    if (this.#body === UNTIL_CLOSE_BODY) {
      this.#finish(undefined)
      return false
    }
    return true
  }
}

const CR = 0x0d
const LF = 0x0a
/** Two empty lines. */
const MOST_SKIPPED = 4

const UNTIL_CLOSE_BODY = bodyReader(UNTIL_CLOSE, badRequest)
/** An interim response: another head follows. */
const NOT_YET: Length = -3

export class RequestReceiver extends Receiver<RequestHead> {
  constructor(sink: ReceiverSink<RequestHead>) {
    super(sink, badRequest)
  }

  protected headReader(): HeadReader {
    return requestHeadReader()
  }

  /** Characters of empty lines before the request. */
  #skipped = 0

  /** An empty line before a request, which some clients send after a body, is skipped (RFC 9112, section 2.2). */
  protected override skip(bytes: Buffer, start: number): number {
    let at = start
    for (; at < bytes.length; at++) {
      const expected = this.#skipped % 2 === 0 ? CR : LF
      if (bytes[at] !== expected) {
        if (expected === LF || bytes[at] === LF) throw badRequest('a line ends with CR or LF instead of CRLF')
        break
      }
      if (++this.#skipped > MOST_SKIPPED) throw badRequest('there are empty lines instead of a request')
    }
    return at
  }

  override next(): void {
    this.#skipped = 0
    super.next()
  }

  protected readHead(text: string): Length {
    const head = new RequestHead(text)
    this.sink.head(head)
    return head.length
  }
}

export class ResponseReceiver extends Receiver<ResponseHead> {
  /** Whether the response is to HEAD. */
  toHead = false

  constructor(sink: ReceiverSink<ResponseHead>) {
    super(sink, badResponse)
  }

  protected headReader(): HeadReader {
    return responseHeadReader()
  }

  protected readHead(text: string): Length {
    const head = new ResponseHead(text, this.toHead)
    this.sink.head(head)
    return head.status < 200 && head.status !== 101 ? NOT_YET : head.length
  }
}

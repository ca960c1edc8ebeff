import type { Fields } from './fields.js'
import { CHUNKED, hasNoBody, type Length, UNTIL_CLOSE } from './framing.js'
import type { RequestHead } from './head.js'
import type { Outbox } from './outbox.js'
import type { ProtocolError } from './protocol-error.js'
import { chunkSize, lastChunk, lengthLine, statusLine } from './serializer.js'

/** Takes what a client sends behind a request's head, and hears how the exchange goes on. */
export interface RequestSink {
  /** Some of the body; the bytes are the sink's for good. */
  body(bytes: Buffer): void
  /** The body is whole. In a tunnel: the client sends no more. */
  bodyEnd(trailers: Fields | undefined): void
  /** After `write` has returned false: go on. */
  drain(): void
  /**
   * The rest of the request cannot be read, or does not come. Where no response was begun, `error.status` is the answer;
   * it may come after `over`, too.
   */
  broken(error: ProtocolError): void
  /** It is over, once: with the response's end or without it. */
  over(): void
}

/** What an exchange asks of its connection. */
export interface ExchangeConnection {
  readonly outbox: Outbox
  /** Whether no further request is taken. */
  readonly isLast: boolean
  /** Whether more may be written. */
  keepsUp(): boolean
  hold(exchange: ServerExchange, held: boolean): void
  responseEnded(exchange: ServerExchange): void
  bodyDropped(exchange: ServerExchange): void
  tunnel(exchange: ServerExchange): void
  /** @param reset where the end of the connection would look like the response's */
  breakOff(reset: boolean): void
}

/** Bytes of a body that is dropped so that its connection can stay open. */
const SHORT = 65_536

const IGNORE: RequestSink = { body() {}, bodyEnd() {}, drain() {}, broken() {}, over() {} }

/** A request on a connection, and the response to it. */
export class ServerExchange {
  /** Set it before anything else is done. */
  sink: RequestSink = IGNORE
  /** Whether the connection may stay open behind the response. */
  keepAlive: boolean
  /** Whether all of the request is there. */
  received = false
  /** Whether the body still matters once the response is out: an upstream may answer early and read on. */
  isBodyWanted = false
  /** Whether the head of a final response was sent. */
  responded = false
  /** Whether there is nothing more to say: the response is out, or the connection is gone. */
  isOver = false
  /** Bytes of the response's body so far. */
  bytes = 0
  /** Whether the client waits for 100 before it sends its body (RFC 9110, section 10.1.1). */
  awaitsContinue: boolean
  #length: Length = 0
  #toldOver = false
  /** From here on the connection is a tunnel. */
  isTunnel = false

  constructor(
    readonly connection: ExchangeConnection,
    readonly head: RequestHead,
  ) {
    this.keepAlive = head.keepsAlive && !connection.isLast
    this.awaitsContinue = head.expect === '100-continue' && head.minor === 1 && head.length !== 0
  }

  /** Lets the body come, which until now waits. */
  resume(): void {
    this.connection.hold(this, false)
  }

  /** The body is not taken any more: what comes is dropped, for a while. */
  dropBody(): void {
    this.isBodyWanted = false
    this.connection.bodyDropped(this)
  }

  /** Holds the body back. */
  pause(): void {
    this.connection.hold(this, true)
  }

  /**
   * An interim response (RFC 9110, section 15.2). HTTP/1.0 does not know any.
   * @returns false if the client does not keep up: wait for `drain`
   */
  inform(status: number, reason: string | undefined, lines: string): boolean {
    if (this.responded || this.isOver || this.head.minor === 0) return true
    if (status === 100) this.awaitsContinue = false
    const { outbox } = this.connection
    outbox.text(`${statusLine(status, reason)}${lines}\r\n`)
    return this.connection.keepsUp()
  }

  /**
   * The head of the response.
   * @param reason undefined for the usual one
   * @param lines field lines, none of them about framing or the connection
   * @param length of the body, also where HEAD or 304 leave it out
   */
  respond(status: number, reason: string | undefined, lines: string, length: Length): void {
    if (this.responded || this.isOver) return
    this.responded = true
    const { head, connection } = this
    // A client that was not told to send its body may send its next request instead: nobody could tell.
    if (this.awaitsContinue && !this.received) {
      this.keepAlive = false
      this.isBodyWanted = false
    }
    let framing = ''
    if (hasNoBody(status) || head.method === 'HEAD') {
      this.#length = 0
      if (length >= 0 && (status === 304 || !hasNoBody(status))) framing = lengthLine(length)
    } else if (length >= 0) {
      this.#length = length
      framing = lengthLine(length)
    } else if (head.minor === 1) {
      this.#length = CHUNKED
      framing = lengthLine(CHUNKED)
    } else {
      this.#length = UNTIL_CLOSE
      this.keepAlive = false
    }
    if (connection.isLast) this.keepAlive = false
    if (!this.keepAlive) framing += 'Connection: close\r\n'
    else if (head.minor === 0) framing += 'Connection: keep-alive\r\n'
    connection.outbox.text(`${statusLine(status, reason)}${lines}${framing}\r\n`)
  }

  /**
   * Some of the body. The bytes may be overwritten afterwards.
   * @returns false if the client does not keep up: wait for `drain`
   */
  write(bytes: Buffer): boolean {
    if (this.isOver || bytes.length === 0) return true
    const { outbox } = this.connection
    if (this.#length === CHUNKED) {
      outbox.text(chunkSize(bytes.length))
      outbox.bytes(bytes, true)
      outbox.text('\r\n')
    } else if (this.#length === 0) return true
    else outbox.bytes(bytes, true)
    this.bytes += bytes.length
    return this.connection.keepsUp()
  }

  /**
   * The response is whole. In a tunnel: the other side sends no more.
   * @param trailers lines; they go out only with a chunked body
   */
  end(trailers = ''): void {
    if (this.isOver) return
    if (this.#length === CHUNKED) this.connection.outbox.text(lastChunk(trailers))
    this.isOver = true
    this.connection.responseEnded(this)
    // A tunnel is over when both sides have ended.
    if (!this.isTunnel || this.received) this.tellOver()
  }

  /** Tells the sink, once. */
  tellOver(): void {
    if (this.#toldOver) return
    this.#toldOver = true
    this.sink.over()
  }

  /** The whole response at once. */
  reply(status: number, reason: string | undefined, lines: string, body: Buffer): void {
    if (this.responded || this.isOver) return
    this.isBodyWanted = false
    // The body is not taken: it is read and dropped where it is short.
    const { length } = this.head
    if (!this.received && (length < 0 || length > SHORT)) this.keepAlive = false
    this.respond(status, reason, lines, body.length)
    this.write(body)
    this.end()
  }

  /** Ends it so that the client sees that something is missing. */
  breakOff(): void {
    if (this.isOver) return
    this.connection.breakOff(this.#length === UNTIL_CLOSE)
    this.gone()
  }

  /** The connection is lost. */
  gone(): void {
    this.isOver = true
    this.tellOver()
  }

  /** 101: behind it the connection is a tunnel, until both sides have ended. */
  switchProtocols(reason: string | undefined, lines: string): void {
    if (this.responded || this.isOver) return
    this.responded = true
    this.isTunnel = true
    this.keepAlive = false
    this.#length = UNTIL_CLOSE
    this.connection.outbox.text(`${statusLine(101, reason)}${lines}\r\n`)
    this.connection.tunnel(this)
  }
}

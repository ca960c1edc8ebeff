import type { Fields } from './fields.js'
import { CHUNKED, hasNoBody, type Length, UNTIL_CLOSE } from './framing.js'
import type { RequestHead } from './head.js'
import type { Outbox } from './outbox.js'
import type { ProtocolError } from './protocol-error.js'
import { chunkSize, lastChunk, lengthLine, statusLine } from './serializer.js'

/** Receives what a client sends after a request's head, and the progress of the exchange. */
export interface RequestSink {
  /** Part of the body. The sink takes ownership of the bytes. */
  body(bytes: Buffer): void
  /** The body is complete. In a tunnel: the client sends no more. */
  bodyEnd(trailers: Fields | undefined): void
  /** The client has caught up after `write` returned false. */
  drain(): void
  /**
   * The rest of the request is invalid or will not arrive. If no response has started, `error.status` is the response's status.
   * May be called after `over`, too.
   */
  broken(error: ProtocolError): void
  /** The exchange is over, with or without a complete response. Called once. */
  over(): void
}

/** What an exchange needs from its connection. */
export interface ExchangeConnection {
  readonly outbox: Outbox
  /** Whether no further request is accepted. */
  readonly isLast: boolean
  /** Whether more may be written. */
  keepsUp(): boolean
  hold(exchange: ServerExchange, held: boolean): void
  responseEnded(exchange: ServerExchange): void
  bodyDropped(exchange: ServerExchange): void
  tunnel(exchange: ServerExchange): void
  /** @param reset whether to reset the connection, because a normal close would look like the end of the response */
  abort(reset: boolean): void
}

/** Most bytes of a body to drop in order to keep its connection open. */
const SHORT = 65_536

const IGNORE: RequestSink = { body() {}, bodyEnd() {}, drain() {}, broken() {}, over() {} }

/** A request on a connection, and its response. */
export class ServerExchange {
  /** Must be set first. */
  sink: RequestSink = IGNORE
  /** Whether the connection may stay open after the response. */
  keepAlive: boolean
  /** Whether the whole request has arrived. */
  received = false
  /** Whether the body is still needed after the response, since an upstream may respond early and keep reading. */
  isBodyWanted = false
  /** Whether the head of a final response was sent. */
  responded = false
  /** Whether the response has been sent or the connection is closed. */
  isOver = false
  /** Bytes of the response's body so far. */
  bytes = 0
  /** Whether the client waits for 100 before it sends its body (RFC 9110, section 10.1.1). */
  awaitsContinue: boolean
  #length: Length = 0
  #hasReportedOver = false
  /** Makes the connection a tunnel. */
  isTunnel = false

  constructor(
    readonly connection: ExchangeConnection,
    readonly head: RequestHead,
  ) {
    this.keepAlive = head.keepsAlive && !connection.isLast
    this.awaitsContinue = head.expect === '100-continue' && head.minor === 1 && head.length !== 0
  }

  /** Starts or resumes reading the body. */
  resume(): void {
    this.connection.hold(this, false)
  }

  /** Drops the rest of the body, up to a limit. */
  dropBody(): void {
    this.isBodyWanted = false
    this.connection.bodyDropped(this)
  }

  /** Pauses reading the body. */
  pause(): void {
    this.connection.hold(this, true)
  }

  /**
   * Sends an interim response (RFC 9110, section 15.2), except to HTTP/1.0 clients.
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
   * Sends the head of the response.
   * @param reason undefined for the standard one
   * @param lines field lines, without framing and connection fields
   * @param length length of the body, even if it is omitted for HEAD or 304
   */
  respond(status: number, reason: string | undefined, lines: string, length: Length): void {
    if (this.responded || this.isOver) return
    this.responded = true
    const { head, connection } = this
    // A client that was not told to send its body may send its next request instead, which would look the same.
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
   * Sends part of the body. The bytes may be overwritten afterwards.
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
   * Completes the response. In a tunnel: the upstream sends no more.
   * @param trailers lines, sent only with a chunked body
   */
  end(trailers = ''): void {
    if (this.isOver) return
    if (this.#length === CHUNKED) this.connection.outbox.text(lastChunk(trailers))
    this.isOver = true
    this.connection.responseEnded(this)
    // A tunnel is over when both sides have ended.
    if (!this.isTunnel || this.received) this.reportOver()
  }

  /** Tells the sink, once. */
  reportOver(): void {
    if (this.#hasReportedOver) return
    this.#hasReportedOver = true
    this.sink.over()
  }

  /** Sends a whole response. */
  reply(status: number, reason: string | undefined, lines: string, body: Buffer): void {
    if (this.responded || this.isOver) return
    this.isBodyWanted = false
    // The body is unwanted: it is read and dropped if it is short.
    const { length } = this.head
    if (!this.received && (length < 0 || length > SHORT)) this.keepAlive = false
    this.respond(status, reason, lines, body.length)
    this.write(body)
    this.end()
  }

  /** Aborts the response, so that the client can tell it is incomplete. */
  abort(): void {
    if (this.isOver) return
    this.connection.abort(this.#length === UNTIL_CLOSE)
    this.gone()
  }

  /** The connection is lost. */
  gone(): void {
    this.isOver = true
    this.reportOver()
  }

  /** Responds with 101. The connection is then a tunnel, until both sides have ended. */
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

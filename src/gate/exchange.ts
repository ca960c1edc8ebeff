import type { Fields } from '../http1/fields.js'
import type { Length } from '../http1/framing.js'
import type { ProtocolError } from '../http1/protocol-error.js'
import { dateLine } from '../http1/serializer.js'
import type { RequestSink, ServerExchange } from '../http1/server-exchange.js'
import { none, type Profile } from '../policy/profile.js'
import { type Client, clientOf, type Peer, type TrustedProxies } from './client-address.js'
import type { HeaderFilter } from './removed-headers.js'
import { type Reply, replies, replyAnswer } from './replies.js'
import { RequestHeaders } from './request-headers.js'
import { isWebSocket } from './upgrade.js'

/** Something in progress that can be terminated, such as a tunnel. */
export interface Terminable {
  terminate(): void
}

/** Receives a request's body, or a tunnel's bytes. */
export interface BodyConsumer {
  requestBody(bytes: Buffer): void
  /** The body is complete. In a tunnel: the client sends no more. */
  requestEnd(trailers: Fields | undefined): void
  /** The rest of the body will not arrive. */
  requestBroken(): void
  /** The client has caught up after `write` or `interim` returned false. */
  clientReady(): void
}

/** Makes the response. */
export interface ResponseProducer {
  /** The response is no longer needed: it is complete, another one is sent, or the client has disconnected. */
  abandon(): void
}

/** Notified when an exchange ends. */
export interface ExchangeObserver {
  /** The response is complete, or the client has disconnected. */
  closed(): void
}

/** One request and its response: the only access to the client's connection. */
export class Exchange implements RequestSink {
  /** Start of the request, by performance.now(). */
  readonly started = performance.now()
  /** Makes an error body that the application's clients understand. */
  errorBody: Profile['errorBody'] = none.errorBody
  readonly method: string
  /** Path and query, unchanged. */
  readonly target: string
  readonly headers: RequestHeaders
  readonly peer: Peer
  readonly client: Client
  readonly #http: ServerExchange
  readonly #isUpgrade: boolean
  #observer: ExchangeObserver | undefined
  #consumer: BodyConsumer | undefined
  #producer: ResponseProducer | undefined
  #tunnel: Terminable | undefined
  #status: number | undefined
  #upstreamMs: number | undefined
  #closed = false

  constructor(http: ServerExchange, peer: Peer, trust: TrustedProxies, filter: HeaderFilter) {
    const { head } = http
    this.#http = http
    this.method = head.method
    this.target = head.path
    this.headers = new RequestHeaders(head, peer.trusted, filter)
    this.peer = peer
    this.client = clientOf(peer, this.headers, trust)
    this.#isUpgrade = head.upgrade !== undefined && isWebSocket(head)
    // If the upgrade is refused, the next bytes may still be in the other protocol.
    if (this.#isUpgrade) http.keepAlive = false
    http.sink = this
  }

  /** The target's path. */
  get path(): string {
    return pathOf(this.target)
  }

  get isHttp10(): boolean {
    return this.#http.head.minor === 0
  }

  /** The protocol to switch to, if the client requests a tunnel. */
  get upgrade(): string | undefined {
    return this.#isUpgrade ? this.#http.head.upgrade : undefined
  }

  /** The Expect header in lower case (RFC 9110, section 10.1.1). HTTP/1.0 has none. */
  get expect(): string | undefined {
    return this.isHttp10 ? undefined : this.#http.head.expect
  }

  /** Whether the client waits for 100 (Continue) before it sends the body. */
  get awaitsContinue(): boolean {
    return this.#http.awaitsContinue
  }

  /** The length of the request's body. */
  get length(): Length {
    return this.#http.head.length
  }

  /** Starts reading the body. */
  receive(consumer: BodyConsumer, producer?: ResponseProducer): void {
    this.#consumer = consumer
    if (this.#closed) producer?.abandon()
    else this.#producer = producer
    this.#http.isBodyWanted = true
    this.#http.resume()
  }

  /** Reads and drops the rest of the body. */
  dropBody(): void {
    this.#consumer = undefined
    this.#http.dropBody()
  }

  pauseBody(): void {
    this.#http.pause()
  }

  resumeBody(): void {
    this.#http.resume()
  }

  /** The status of the response, once there is one. */
  get status(): number | undefined {
    return this.#status
  }

  /** Bytes of the response body sent to the client. */
  get bytes(): number {
    return this.#http.bytes
  }

  /** Milliseconds until the upstream started its response; undefined if it has not. */
  get upstreamMs(): number | undefined {
    return this.#upstreamMs
  }

  /** Records how long the upstream took to start its response. */
  upstreamResponded(ms: number): void {
    this.#upstreamMs = ms
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Sets the one observer, which is notified when the exchange closes. */
  observe(observer: ExchangeObserver): void {
    this.#observer = observer
  }

  /** Sends one of the gate's own responses, unless a response has already started. */
  reply(reply: Reply): void {
    if (this.#http.responded || this.#http.isOver) return
    this.#status = reply.status
    const { lines, body } = replyAnswer(reply, this.headers.accept, this.errorBody)
    this.#http.reply(reply.status, undefined, lines, body)
  }

  /** Sends an interim response. False if the client lags behind; `clientReady` follows when it has caught up. */
  interim(status: number, reason: string, lines: string): boolean {
    return this.#http.inform(status, reason, lines)
  }

  /**
   * Starts the response.
   *
   * @param reason the reason phrase; undefined for the standard one
   * @param lines header lines, without framing headers
   * @param length length of the body
   */
  writeHead(status: number, reason: string | undefined, lines: string, length: Length): void {
    this.#status = status
    this.#http.respond(status, reason, lines, length)
  }

  /** Sends part of the body. False if the client lags behind; `clientReady` follows when it has caught up. */
  write(bytes: Buffer): boolean {
    return this.#http.write(bytes)
  }

  /** Completes the response. In a tunnel: the upstream sends no more. */
  end(trailers = ''): void {
    this.#http.end(trailers)
  }

  /** Responds with 200, without a body. */
  confirm(lines: string): void {
    this.#status = 200
    this.#http.reply(200, undefined, lines + dateLine(), EMPTY)
  }

  /** Responds with 101. From now on the connection is a tunnel: bytes pass unchanged. */
  switchProtocols(reason: string | undefined, lines: string, tunnel: Terminable): void {
    this.#status = 101
    this.#tunnel = tunnel
    this.#http.switchProtocols(reason, lines)
  }

  /**
   * Ends the exchange early. Sends `reply` if no response has started, closes a tunnel, and aborts any other response, so
   * that the client can tell it is incomplete.
   */
  terminate(reply: Reply): void {
    if (this.#closed) return
    if (this.#tunnel) {
      this.#tunnel.terminate()
      return
    }
    this.#abandon()
    if (this.#http.responded) this.abort()
    else this.reply(reply)
  }

  /** Aborts the exchange and closes its connection. */
  abort(): void {
    this.#http.abort()
  }

  // Called by the connection.

  body(bytes: Buffer): void {
    this.#consumer?.requestBody(bytes)
  }

  bodyEnd(trailers: Fields | undefined): void {
    this.#consumer?.requestEnd(trailers)
  }

  drain(): void {
    this.#consumer?.clientReady()
  }

  broken(error: ProtocolError): void {
    const consumer = this.#consumer
    this.#consumer = undefined
    if (!this.#closed) {
      if (this.#http.responded) this.abort()
      else this.reply(replies.unreadable(error.status, error.message))
    }
    consumer?.requestBroken()
  }

  over(): void {
    if (this.#closed) return
    this.#closed = true
    this.#abandon()
    this.#observer?.closed()
  }

  #abandon(): void {
    const producer = this.#producer
    this.#producer = undefined
    producer?.abandon()
  }
}

const EMPTY = Buffer.alloc(0)

/** The path of a target. Queries may contain secrets and are not logged. */
export function pathOf(target: string): string {
  const query = target.indexOf('?')
  return query === -1 ? target : target.slice(0, query)
}

import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import { none, type Profile } from '../policy/profile.js'
import { pairsOf } from '../upstream/headers.js'
import { type Client, clientOf, type Peer, type TrustedProxies } from './client-address.js'
import { type Reply, renderReply } from './replies.js'
import { RequestBody } from './request-body.js'
import { originForm, RequestHeaders } from './request-headers.js'

/** Something in progress that can be ended from outside, such as a tunnel. */
export interface Terminable {
  terminate(): void
}

/** For how long the rest of a refused request's body is read and dropped, in milliseconds. */
const LINGER = 30_000

/** One request and its response, over node:http. Nothing else touches them. */
export class Exchange {
  /** By performance.now(). */
  readonly started = performance.now()
  /** The gate's own errors, as the application's clients understand them. */
  errorBody: Profile['errorBody'] = none.errorBody
  readonly method: string
  /** Path and query as they came. */
  readonly target: string
  readonly headers: RequestHeaders
  readonly peer: Peer
  readonly client: Client
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  /** The client's connection, where it asks for a tunnel. */
  readonly #socket: Duplex | undefined
  readonly #closeListeners: (() => void)[] = []
  #abandonListeners: (() => void)[] = []
  #tunnel: Terminable | undefined
  #status: number | undefined
  #bytes = 0
  #upstreamMs: number | undefined
  #closed = false

  /** @param socket the connection of a client that asks for a tunnel, which Node has let go of */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    peer: Peer,
    trust: TrustedProxies,
    socket?: Duplex,
  ) {
    this.#request = request
    this.#response = response
    this.#socket = socket
    this.method = request.method as string
    this.headers = new RequestHeaders(request.rawHeaders)
    this.target = originForm(request.url as string, this.headers)
    this.peer = peer
    this.client = clientOf(peer, this.headers, trust)
    response.on('close', () => this.closed())
    response.on('error', () => this.abort())
  }

  /** An exchange over the connection of a client that asks for a tunnel. */
  static overSocket(request: IncomingMessage, socket: Socket, peer: Peer, trust: TrustedProxies): Exchange {
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    response.on('finish', () => socket.destroySoon())
    return new Exchange(request, response, peer, trust, socket)
  }

  /** The target's path. */
  get path(): string {
    return pathOf(this.target)
  }

  get isHttp10(): boolean {
    return this.#request.httpVersion === '1.0'
  }

  /** The protocol to switch to, where the client asks for a tunnel. */
  get upgrade(): string | undefined {
    return this.#socket === undefined ? undefined : this.headers.upgrade
  }

  /** The request's body; null where it has none. To be called once. */
  body(): Readable | null {
    return this.headers.hasBody ? new RequestBody(this.#request) : null
  }

  /** The status of the response; undefined until there is one. */
  get status(): number | undefined {
    return this.#status
  }

  /** Bytes of the body that have been sent to the client. */
  get bytes(): number {
    return this.#bytes
  }

  /** Milliseconds until the upstream began to answer; undefined where it did not. */
  get upstreamMs(): number | undefined {
    return this.#upstreamMs
  }

  /** Takes note of how long the upstream took to begin its answer. */
  upstreamAnswered(ms: number): void {
    this.#upstreamMs = ms
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Calls `listener` when the client has gone or has got all that there is for it. */
  onClose(listener: () => void): void {
    if (this.#closed) listener()
    else this.#closeListeners.push(listener)
  }

  /** Calls `listener` once nothing more is wanted from the producer of the response: also after `terminate`. */
  onAbandon(listener: () => void): void {
    if (this.#closed) listener()
    else this.#abandonListeners.push(listener)
  }

  /** Makes this the last response on its connection. */
  closeConnectionAfterwards(): void {
    if (!this.#response.headersSent) this.#response.shouldKeepAlive = false
  }

  /** Answers with a response of the gate's own, unless another one has begun. */
  reply(reply: Reply): void {
    const response = this.#response
    if (response.headersSent || response.destroyed) return
    this.#status = reply.status
    const { type, body } = renderReply(reply, this.headers.accept, this.errorBody)
    const bytes = Buffer.from(body)
    const isUnread = this.headers.hasBody && !this.#request.complete
    if (isUnread) response.shouldKeepAlive = false
    response.writeHead(reply.status, [
      ...['Content-Type', type, 'Content-Length', String(bytes.length), 'Cache-Control', 'no-store'],
      ...reply.headers,
    ])
    if (this.method === 'HEAD') {
      response.end()
      return
    }
    this.#bytes = bytes.length
    // To close at once would reset the connection of a client that is still sending, before it reads the reply.
    // A client that waits for 100 Continue sends no body.
    if (isUnread && this.headers.expect === undefined) this.#linger(bytes)
    else response.end(bytes)
  }

  /** Asks for the body of a client that waits for 100 Continue. */
  continue(): void {
    if (this.headers.expect !== undefined) this.#response.writeContinue()
  }

  /** 102 Processing or 103 Early Hints. */
  interim(status: number, headers: readonly string[]): void {
    if (this.isHttp10) return
    if (status === 102) this.#response.writeProcessing()
    if (status !== 103) return
    const hints: Record<string, string[]> = {}
    for (const [name, value] of pairsOf(headers)) {
      const lower = name.toLowerCase()
      const values = lower === 'link' ? (value.match(LINKS) ?? []) : [value]
      hints[lower] = [...(hints[lower] ?? []), ...values.map((each) => each.trim())]
    }
    try {
      if (hints.link) this.#response.writeEarlyHints(hints)
    } catch {
      // Node rejects some of them. They are only hints.
    }
  }

  /**
   * Begins the response.
   *
   * @param reason the reason phrase; undefined for the usual one
   * @param length of the body, where it is known
   */
  writeHead(status: number, reason: string | undefined, headers: string[], length: number | undefined): void {
    this.#status = status
    if (reason === undefined) this.#response.writeHead(status, headers)
    else this.#response.writeHead(status, reason, headers)
    // A body of unknown length may take its time: the client is to see the head now.
    if (length === undefined) process.nextTick(() => this.#flushHead())
  }

  /** Sends a part of the body. False when the client lags behind; then `resume` is called once it has caught up. */
  write(chunk: Buffer, resume: () => void): boolean {
    this.#bytes += chunk.length
    if (this.#response.write(chunk)) return true
    this.#response.once('drain', resume)
    return false
  }

  /** Completes the response. */
  end(chunk?: Buffer, trailers: readonly string[] = []): void {
    if (trailers.length > 0) this.#response.addTrailers(pairsOf(trailers))
    if (chunk) this.#bytes += chunk.length
    this.#response.end(chunk)
  }

  /** Answers 101 and hands over the client's connection; the exchange closes with it. */
  switchProtocols(headers: readonly string[]): Duplex {
    const socket = this.#socket as Duplex
    this.#status = 101
    this.#response.detachSocket(this.#request.socket)
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      `Upgrade: ${this.headers.upgrade}`,
      ...pairsOf(headers).map(([name, value]) => `${name}: ${value}`),
    ]
    socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
    socket.once('close', () => this.closed())
    return socket
  }

  /** Takes note of a tunnel through this exchange, so that `terminate` ends it. */
  attach(tunnel: Terminable): void {
    this.#tunnel = tunnel
  }

  /** Counts bytes that went to the client through a tunnel. */
  count(bytes: number): void {
    this.#bytes += bytes
  }

  /**
   * Ends it because it must not go on: with `reply` if no response has begun. A tunnel is closed, and any other response
   * is broken off, so that the client sees that something is missing.
   */
  terminate(reply: Reply): void {
    if (this.#closed) return
    this.#abandon()
    if (this.#tunnel) this.#tunnel.terminate()
    else if (this.#response.headersSent) this.abort()
    else this.reply(reply)
  }

  /** Breaks it off, together with its connection. */
  abort(): void {
    this.#response.destroy()
    this.#socket?.destroy()
  }

  /** Takes note of the end; also called when the connection has closed under a response that is still waiting. */
  closed(): void {
    if (this.#closed) return
    this.#closed = true
    this.#abandon()
    for (const listener of this.#closeListeners) listener()
  }

  #abandon(): void {
    const listeners = this.#abandonListeners
    this.#abandonListeners = []
    for (const listener of listeners) listener()
  }

  #flushHead(): void {
    const response = this.#response
    if (this.#bytes === 0 && !response.writableEnded && !response.destroyed) response.flushHeaders()
  }

  #linger(bytes: Buffer): void {
    const request = this.#request
    const response = this.#response
    response.write(bytes)
    const timer = setTimeout(end, LINGER)
    request.once('end', end).once('close', end).resume()
    function end() {
      clearTimeout(timer)
      response.end()
    }
  }
}

/** The path of a target; queries may hold secrets and are not logged. */
export function pathOf(target: string): string {
  const query = target.indexOf('?')
  return query === -1 ? target : target.slice(0, query)
}

/** Each of a list of links (RFC 8288, section 3); commas in targets and quotes do not separate. */
const LINKS = /<[^>]*>(?:[^,"]|"[^"]*")*/g

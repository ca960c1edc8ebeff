import { isIP } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import { buildConnector, type Dispatcher, Pool } from 'undici'
import { ResponseHeaders } from './headers.js'

// undici of major 6: 7 requires Node 20.18.1. Its `dispatch` with a handler of our own is its fastest interface, faster
// than node:http's agent.

/**
 * Idle connections to the upstream are closed after a second: gunicorn closes its own after 2 s and uvicorn after 5,
 * without notice, and a POST that meets such a close cannot be sent again.
 */
const KEEP_ALIVE = 1000
const MAX_HEADERS = 64 * 1024
const MAX_CONNECT_TIMEOUT = 10_000

/** The URL of the guarded server, taken apart. */
export interface UpstreamUrl {
  /** As the user wrote it, for messages. */
  readonly text: string
  /** Scheme, host and port. */
  readonly origin: string
  /** Prepended to every path: empty, or starts with a slash and does not end with one. */
  readonly prefix: string
  /** Path of a unix socket; the origin is then only a name for it. */
  readonly socketPath: string | undefined
}

export interface UpstreamOptions {
  readonly url: UpstreamUrl
  /** Certificates (PEM) to trust in place of the system's. */
  readonly ca?: Buffer | undefined
  /** Milliseconds that the upstream may take to start its response. */
  readonly timeout: number
}

/** A request as the upstream is to get it. */
export interface UpstreamRequest {
  readonly method: string
  /** Path and query, without the URL's prefix. */
  readonly target: string
  /** A flat list of names and values. */
  readonly headers: string[]
  /** Null for a request without a body. */
  readonly body: Readable | null
  /** The protocol to switch to, if the client asks for a tunnel. */
  readonly upgrade: string | undefined
}

/** Where a response goes, in the order of the calls. After `end`, `tunnel` or `fail` there are no more. */
export interface ResponseSink {
  /** The request is being sent. */
  sending(): void
  /** An interim response other than 100: 102 or 103. */
  interim(status: number, headers: string[]): void
  /**
   * The head of the response.
   *
   * @param length of the body, where it is known; 0 for a response without a body
   */
  head(status: number, reason: string, headers: string[], length: number | undefined): void
  /** A part of the body; false to be sent no more until `resume` is called. */
  data(chunk: Buffer, resume: () => void): boolean
  /** The response is complete. */
  end(trailers: string[]): void
  /** The upstream has switched protocols; from here on `socket` is the sink's. */
  tunnel(status: number, headers: string[], socket: Duplex): void
  fail(failure: UpstreamFailure): void
}

export interface UpstreamFailure {
  readonly kind: /** The connection failed or broke off. */
    | 'unreachable'
    /** No response in time. */
    | 'timeout'
    /** The request cannot be sent as it is. */
    | 'bad-request'
  /** For the log. */
  readonly message: string
  /** Milliseconds that were waited, for `timeout`. */
  readonly waited?: number
}

/** The guarded server, and the connections to it. */
export class Upstream {
  /** Its own name, for a client that sends no `Host`. */
  readonly authority: string
  readonly #pool: Pool
  readonly #prefix: string
  readonly #timeout: number
  readonly #connectTimeout: number

  constructor({ url, ca, timeout }: UpstreamOptions) {
    const { origin, prefix, socketPath } = url
    this.#prefix = prefix
    this.#timeout = timeout
    this.#connectTimeout = Math.min(MAX_CONNECT_TIMEOUT, timeout)
    const connect = buildConnector({
      timeout: this.#connectTimeout,
      ...(socketPath === undefined ? {} : { socketPath }),
      ...(ca === undefined ? {} : { ca }),
    })
    const { host, hostname } = new URL(origin)
    this.authority = host
    const servername = isIP(hostname.replace(/^\[|\]$/g, '')) ? '' : hostname
    this.#pool = new Pool(origin, {
      // The certificate has to be the upstream's, whatever `Host` says.
      connect: (options, callback) => connect({ ...options, servername }, callback),
      keepAliveTimeout: KEEP_ALIVE,
      keepAliveTimeoutThreshold: KEEP_ALIVE,
      headersTimeout: timeout,
      // Server-sent events may be silent for hours. TCP's keep-alive detects a dead machine.
      bodyTimeout: 0,
      maxHeaderSize: MAX_HEADERS,
    })
  }

  /** Sends a request; the response goes to `sink`. Returns a function that aborts both. */
  send(request: UpstreamRequest, sink: ResponseSink): () => void {
    const { method, target, headers, body, upgrade } = request
    const options: Dispatcher.DispatchOptions = {
      path: this.#prefix + target,
      method: method as Dispatcher.HttpMethod,
      headers,
      body,
      ...(upgrade === undefined ? {} : { upgrade }),
    }
    const isRepeatable = body === null && REPEATABLE.has(method)
    const dispatch = (handler: Dispatcher.DispatchHandlers) => this.#pool.dispatch(options, handler)
    const transfer = new Transfer(sink, isRepeatable ? dispatch : undefined, (error) =>
      this.#failureOf(error),
    )
    dispatch(transfer)
    return () => transfer.cancel()
  }

  /** Ends all connections. */
  close(): Promise<void> {
    return this.#pool.destroy()
  }

  #failureOf({ code, message }: NodeJS.ErrnoException): UpstreamFailure {
    if (code === 'UND_ERR_CONNECT_TIMEOUT') return { kind: 'timeout', message, waited: this.#connectTimeout }
    if (code === 'UND_ERR_HEADERS_TIMEOUT') return { kind: 'timeout', message, waited: this.#timeout }
    return { kind: code === 'UND_ERR_INVALID_ARG' ? 'bad-request' : 'unreachable', message }
  }
}

/** Methods that may be sent twice when a connection turns out to be closed (RFC 9110, section 9.2.2). */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS'])
const CLOSED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** One request and its response, as undici reports them. */
class Transfer implements Dispatcher.DispatchHandlers {
  readonly #sink: ResponseSink
  readonly #failureOf: (error: NodeJS.ErrnoException) => UpstreamFailure
  /** Undefined where the request cannot be sent again. */
  #repeat: ((handler: Dispatcher.DispatchHandlers) => void) | undefined
  #abort: ((error?: Error) => void) | undefined
  #resume = () => {}
  #hasHead = false
  /** Bytes of the body that are still to come, where that is known. */
  #left: number | undefined
  #cancelled = false
  #done = false

  constructor(
    sink: ResponseSink,
    repeat: ((handler: Dispatcher.DispatchHandlers) => void) | undefined,
    failureOf: (error: NodeJS.ErrnoException) => UpstreamFailure,
  ) {
    this.#sink = sink
    this.#repeat = repeat
    this.#failureOf = failureOf
  }

  cancel(): void {
    this.#cancelled = true
    if (!this.#done) this.#abort?.()
  }

  onConnect(abort: () => void): void {
    this.#abort = abort
    if (this.#cancelled) abort()
    else this.#sink.sending()
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, reason: string): boolean {
    if (this.#cancelled) return true
    const head = new ResponseHeaders(raw)
    if (status < 200) {
      this.#sink.interim(status, head.endToEnd)
      return true
    }
    this.#resume = resume
    this.#hasHead = true
    const isBodiless = status === 204 || status === 304
    if (status === 204) head.dropLength()
    this.#left = isBodiless ? 0 : head.contentLength
    this.#sink.head(status, reason, head.endToEnd, this.#left)
    if (isBodiless) {
      this.#end([])
      // undici would wait for the body that the head announces, or pass it on.
      if (head.announcesBody) this.#abort?.()
    }
    return true
  }

  onData(chunk: Buffer): boolean {
    if (this.#done || this.#cancelled) return true
    const goOn = this.#sink.data(chunk, this.#resume)
    if (this.#left !== undefined) {
      this.#left -= chunk.length
      // Without waiting for undici to notice.
      if (this.#left === 0) {
        this.#end([])
        return true
      }
    }
    return goOn
  }

  onComplete(lines: string[] | null): void {
    if (this.#done || this.#cancelled) return
    // undici's types are wrong here.
    const trailers = lines as unknown as Buffer[] | null
    this.#end(trailers && trailers.length > 0 ? new ResponseHeaders(trailers).endToEnd : [])
  }

  onUpgrade(status: number, raw: Buffer[], socket: Duplex): void {
    this.#done = true
    if (this.#cancelled) socket.destroy()
    else this.#sink.tunnel(status, new ResponseHeaders(raw).endToEnd, socket)
  }

  onError(error: NodeJS.ErrnoException): void {
    if (this.#done || this.#cancelled) return
    const repeat = this.#repeat
    this.#repeat = undefined
    if (repeat && !this.#hasHead && CLOSED.has(error.code ?? '')) repeat(this)
    else {
      this.#done = true
      this.#sink.fail(this.#failureOf(error))
    }
  }

  #end(trailers: string[]): void {
    this.#done = true
    this.#sink.end(trailers)
  }
}

import type { ClientConnection, ResponseSink } from '../http1/client-connection.js'
import { ClientPool, type Target } from '../http1/client-pool.js'
import type { Length } from '../http1/framing.js'
import { leavesPrefix } from './prefix.js'

/**
 * Idle connections to the upstream are closed after a second. gunicorn closes its connections after 2 s and uvicorn after 5,
 * without notice, and a POST sent at that moment cannot be retried.
 */
const KEEP_ALIVE = 1000
const MAX_CONNECT_TIMEOUT = 10_000

/** The parsed URL of the guarded server. */
export interface UpstreamUrl {
  /** As the user wrote it, for messages. */
  readonly text: string
  /** Scheme, host and port. */
  readonly origin: string
  /** Prepended to every path. Empty, or starts with a slash and does not end with one. */
  readonly prefix: string
  /** Path of a Unix socket; the origin is then only nominal. */
  readonly socketPath: string | undefined
}

export interface UpstreamOptions {
  readonly url: UpstreamUrl
  /** Certificates (PEM) to trust. Default: those that Node trusts. */
  readonly ca?: Buffer | undefined
  /** How long the upstream may take to start its response, in milliseconds. */
  readonly timeout: number
}

export interface UpstreamRequest {
  readonly method: string
  /** Path and query, without the URL's prefix. */
  readonly target: string
  /** Header lines, without framing headers. */
  readonly lines: string
  /** Length of the body. */
  readonly length: Length
}

/** The guarded server and its connections. */
export class Upstream {
  /** Its authority, for clients that send no `Host`. */
  readonly authority: string
  /** Milliseconds. */
  readonly timeout: number
  readonly connectTimeout: number
  readonly #pool: ClientPool
  readonly #prefix: string

  constructor({ url, ca, timeout }: UpstreamOptions) {
    this.#prefix = url.prefix
    this.authority = new URL(url.origin).host
    this.timeout = timeout
    this.connectTimeout = Math.min(MAX_CONNECT_TIMEOUT, timeout)
    this.#pool = new ClientPool(targetOf(url, ca), {
      connect: this.connectTimeout,
      response: timeout,
      idle: KEEP_ALIVE,
    })
  }

  /** Whether a target stays below the URL's path. */
  contains(target: string): boolean {
    return this.#prefix === '' || !leavesPrefix(target)
  }

  /**
   * Sends a request; the response goes to `sink`.
   * @param fresh whether to use a new connection, because the request was already sent on one that turned out to be closed
   */
  send(
    { method, target, lines, length }: UpstreamRequest,
    sink: ResponseSink,
    fresh: boolean,
  ): ClientConnection {
    return this.#pool.send({ method, path: this.#prefix + target, lines, length }, sink, fresh)
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    this.#pool.destroy()
  }
}

function targetOf({ origin, socketPath }: UpstreamUrl, ca: Buffer | undefined): Target {
  if (socketPath !== undefined) return { path: socketPath }
  const { protocol, hostname, port } = new URL(origin)
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol === 'https:') return { host, port: Number(port || 443), tls: true, ca }
  return { host, port: Number(port || 80), tls: false }
}

import { isIP } from 'node:net'
import { buildConnector, Pool } from 'undici'
import { type Names, namesOf } from '../gate/upstream-name.js'
import { readCa } from '../htgate/certificates.js'
import type { Settings } from '../htgate/options/index.js'

// undici of major 6: 7 asks for Node 20.18.1. Its `dispatch` with a handler of our own is the fastest way to ask that it has,
// faster than node:http's agent.

/**
 * Idle connections to the upstream are closed after a second: gunicorn closes its own after 2 s and uvicorn after 5,
 * without saying so, and a POST that meets such a close cannot be sent again.
 */
const KEEP_ALIVE = 1000
const MAX_HEADERS = 64 * 1024

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

/** Where requests go. */
export interface Upstream {
  readonly pool: Pool
  /** Comes before every path. */
  readonly prefix: string
  /** Its own name, for a client that gives no `Host`. */
  readonly authority: string
  /** Host and Origin, in place of the client's. */
  readonly names: Names
  /** Milliseconds that it may take to accept a connection. */
  readonly connectTimeout: number
  /** Milliseconds that it may take to start answering. */
  readonly timeout: number
}

export function openUpstream(settings: Settings, { origin, prefix, socketPath }: UpstreamUrl): Upstream {
  const { upstreamHost, upstreamCa, upstreamTimeout } = settings
  const connectTimeout = Math.min(10_000, upstreamTimeout)
  const connect = buildConnector({
    timeout: connectTimeout,
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(upstreamCa === undefined ? {} : { ca: readCa(upstreamCa) }),
  })
  const { host: authority, hostname } = new URL(origin)
  const servername = isIP(hostname.replace(/^\[|\]$/g, '')) ? '' : hostname
  const pool = new Pool(origin, {
    // The certificate has to be the upstream's, whatever `Host` says.
    connect: (options, callback) => connect({ ...options, servername }, callback),
    keepAliveTimeout: KEEP_ALIVE,
    keepAliveTimeoutThreshold: KEEP_ALIVE,
    headersTimeout: upstreamTimeout,
    // Server-sent events may be silent for hours. A dead machine is found by TCP's own keep-alive.
    bodyTimeout: 0,
    maxHeaderSize: MAX_HEADERS,
  })
  const names = namesOf(settings.app, origin, upstreamHost)
  return { pool, prefix, authority, names, connectTimeout, timeout: upstreamTimeout }
}

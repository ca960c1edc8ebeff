import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import { answerPlainHttp, divertPlainHttp } from '../http1/plain-http.js'
import type { TrustedProxies } from './client-address.js'
import { Connections } from './connections.js'
import { Exchange } from './exchange.js'
import type { Gate } from './gate.js'
import { isWebSocket, withoutUpgrade } from './upgrade.js'

/** Bounds for slow and hostile clients. */
const LIMITS = {
  /** For the whole head, in milliseconds. */
  headersTimeout: 15_000,
  /** None for the body: uploads may take hours. */
  requestTimeout: 0,
  connectionsCheckingInterval: 2_000,
  /** Longer than load balancers keep their own connections, or one sends a request into a closing connection. */
  keepAliveTimeout: 65_000,
  maxHeaderSize: 32 * 1024,
  handshakeTimeout: 15_000,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  /** Node 24.9 and newer ask; before that every offer comes to 'upgrade', which returns what it does not take. */
  shouldUpgradeCallback: isWebSocket,
}

const TLS_LIMITS = { minVersion: 'TLSv1.2' } as const

/** The servers of a gate, one for each address, and the connections to them. */
export class GateServers {
  readonly #gate: Gate
  readonly #trust: TrustedProxies
  readonly #tls: SecureContextOptions | undefined
  readonly #connections: Connections
  readonly #servers: Server[] = []

  /** @param tls the certificate and its key; undefined for HTTP without TLS */
  constructor(gate: Gate, trust: TrustedProxies, tls: SecureContextOptions | undefined) {
    this.#gate = gate
    this.#trust = trust
    this.#tls = tls
    this.#connections = new Connections(trust, gate.handle)
  }

  /** A server that is still to listen. */
  create(): Server {
    const tls = this.#tls
    const server = tls ? createTlsServer({ ...LIMITS, ...tls, ...TLS_LIMITS }) : createServer(LIMITS)
    const onRequest = (request: IncomingMessage, response: ServerResponse) =>
      this.#onRequest(request, response)
    server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => this.#connections.of(socket))
    server.on('request', onRequest)
    server.on('checkContinue', onRequest)
    server.on('checkExpectation', onRequest)
    server.on('upgrade', (request, socket, first) => this.#onUpgrade(request, socket, first))
    server.on('connect', (_, socket) => this.#reject(socket, '405 Method Not Allowed'))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
      else this.#reject(socket, STATUS[error.code ?? ''] ?? '400 Bad Request')
    })
    server.on('tlsClientError', (_, socket) => socket.destroy())
    if (tls) {
      divertPlainHttp(server, (socket) => {
        this.#gate.unreadable(this.#connections.of(socket).peer.address, 400, 'plain-http')
        answerPlainHttp(socket)
      })
    }
    this.#servers.push(server)
    return server
  }

  /** Replaces the certificate, for connections from now on. */
  renew(tls: SecureContextOptions): void {
    for (const server of this.#servers) (server as TlsServer).setSecureContext({ ...tls, ...TLS_LIMITS })
  }

  /** Accepts no more connections, and closes each with its response. Resolves when all are closed. */
  async drain(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)))
    this.#connections.drain()
    // Some become idle without a response: of a request that was in progress when it all began, or of half a head.
    const poll = setInterval(() => this.#connections.drain(), POLL)
    await Promise.all(closed)
    clearInterval(poll)
  }

  /** Breaks off all connections. Returns how many requests were in progress. */
  abort(): number {
    return this.#connections.abort()
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.of(request.socket)
    this.#connections.accept(new Exchange(request, response, connection.peer, this.#trust), connection)
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, first: Buffer): void {
    const connection = this.#connections.of(request.socket)
    // Pipelined behind a request in progress: no browser does that.
    if (!connection.isIdle) {
      socket.destroy()
      return
    }
    if (!isWebSocket(request)) {
      withoutUpgrade(request, socket, first)
      return
    }
    socket.on('error', () => socket.destroy())
    if (first.length > 0) socket.unshift(first)
    this.#connections.accept(
      Exchange.overSocket(request, socket as Socket, connection.peer, this.#trust),
      connection,
    )
  }

  /** Answers what is not a request. */
  #reject(socket: Duplex, status: string): void {
    this.#gate.unreadable(this.#connections.of(socket as Socket).peer.address, Number.parseInt(status, 10))
    socket.on('error', () => {})
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
  }
}

/** Milliseconds. */
const POLL = 50

const STATUS: Record<string, string> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

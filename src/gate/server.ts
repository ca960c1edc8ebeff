import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import type { Gate } from './gate.js'
import { isWebSocket } from './upgrade.js'

/** Clients that take their time: nobody keeps a connection busy with half a head. */
const LIMITS = {
  /** For the whole head, in milliseconds. */
  headersTimeout: 15_000,
  /** None for the body: uploads may take hours. */
  requestTimeout: 0,
  connectionsCheckingInterval: 2_000,
  /** Longer than a load balancer keeps its own connections, or it sends a request into a closing one. */
  keepAliveTimeout: 65_000,
  maxHeaderSize: 32 * 1024,
  handshakeTimeout: 15_000,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  /** Node 24.9 and newer ask; before that every offer comes to the gate, which returns what it does not take. */
  shouldUpgradeCallback: isWebSocket,
}

/** A server for one address; TLS if there is a certificate. */
export function createGateServer(gate: Gate, tls: SecureContextOptions | undefined): Server {
  const server = tls ? createTlsServer({ ...LIMITS, ...tls, minVersion: 'TLSv1.2' }) : createServer(LIMITS)
  server.on(tls ? 'secureConnection' : 'connection', gate.onConnection)
  server.on('request', gate.onRequest)
  server.on('checkContinue', gate.onRequest)
  server.on('checkExpectation', gate.onRequest)
  server.on('upgrade', gate.onUpgrade)
  server.on('connect', (_, socket) => end(gate, socket, '405 Method Not Allowed'))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy()
    end(gate, socket, STATUS[error.code ?? ''] ?? '400 Bad Request')
  })
  server.on('tlsClientError', (_, socket) => socket.destroy())
  return server
}

const STATUS: Record<string, string> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

function end(gate: Gate, socket: Duplex, status: string): void {
  gate.unreadable(Number.parseInt(status, 10), socket)
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
}

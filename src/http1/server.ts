import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { Deadlines } from './deadlines.js'
import { type ConnectionHandler, ServerConnection, type ServerLimits } from './server-connection.js'

export const LIMITS: ServerLimits = {
  head: 15_000,
  // Longer than load balancers keep their connections, or they might send a request on a closing one.
  idle: 65_000,
  stall: 300_000,
  linger: 30_000,
}

/** How long a TLS handshake may take, in milliseconds. */
const HANDSHAKE = 15_000

const SOCKET = {
  allowHalfOpen: true,
  noDelay: true,
  // Detects dead peers behind tunnels and event streams, which may be silent for hours.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
}

/** Options of the gate's TLS servers. */
export const tlsOptions = (tls: TlsOptions): TlsOptions => ({
  ...tls,
  minVersion: 'TLSv1.2',
  ALPNProtocols: ['http/1.1'],
})

/** Serves HTTP/1.1 on one address, over TLS if there is a certificate. */
export class HttpServer {
  /** The underlying server, which the caller makes listen. */
  readonly server: Server
  readonly connections = new Set<ServerConnection>()
  readonly deadlines = new Deadlines()
  /** Whether every response closes its connection. */
  draining = false

  constructor(
    connect: (connection: ServerConnection) => ConnectionHandler,
    tls: TlsOptions | undefined,
    readonly limits: ServerLimits = LIMITS,
  ) {
    const onSocket = (socket: Socket) => {
      const connection = new ServerConnection(socket, this, connect)
      this.connections.add(connection)
      this.deadlines.add(connection)
      socket.on('close', () => this.connections.delete(connection))
    }
    if (tls) {
      this.server = createTlsServer({ ...SOCKET, handshakeTimeout: HANDSHAKE, ...tls })
      this.server.on('secureConnection', onSocket)
      this.server.on('tlsClientError', (_: Error, socket: Socket) => socket.destroy())
    } else this.server = createServer(SOCKET, onSocket)
  }

  /** Stops accepting connections and closes idle ones. Resolves when the last one has ended. */
  drain(): Promise<void> {
    this.draining = true
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    for (const connection of this.connections) connection.closeIdle()
    return closed
  }

  /** Aborts all remaining connections. */
  destroy(): void {
    for (const { socket } of this.connections) socket.destroy()
  }
}

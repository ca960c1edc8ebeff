import type { Server } from 'node:net'
import type { TlsOptions, Server as TlsServer } from 'node:tls'
import { divertPlainHttp, respondToPlainHttp } from '../http1/plain-http.js'
import { HttpServer, tlsOptions } from '../http1/server.js'
import { peerOf, type TrustedProxies } from './client-address.js'
import { Connection, type ConnectionsOptions } from './connections.js'
import type { Gate } from './gate.js'
import { HeaderFilter } from './removed-headers.js'

/** The servers of a gate, one per address, and their connections. */
export class GateServers {
  readonly #options: ConnectionsOptions
  readonly #gate: Gate
  readonly #tls: TlsOptions | undefined
  readonly #servers: HttpServer[] = []

  /** @param tls the certificate and its key; undefined for HTTP without TLS */
  constructor(gate: Gate, trust: TrustedProxies, tls: TlsOptions | undefined, filter = new HeaderFilter()) {
    this.#options = {
      trust,
      filter,
      handle: gate.handle,
      errorBody: gate.errorBody,
      unreadable: (client, status) => gate.unreadable(client, status),
    }
    this.#gate = gate
    this.#tls = tls
  }

  /** Creates a server that does not listen yet. */
  create(): Server {
    const tls = this.#tls && tlsOptions(this.#tls)
    const http = new HttpServer((connection) => new Connection(connection, this.#options), tls)
    if (tls) {
      divertPlainHttp(http.server, (socket) => {
        this.#gate.unreadable(peerOf(socket, this.#options.trust).address, 400, 'plain-http')
        respondToPlainHttp(socket)
      })
    }
    this.#servers.push(http)
    return http.server
  }

  /** Replaces the certificate for new connections. */
  renew(tls: TlsOptions): void {
    for (const { server } of this.#servers) (server as TlsServer).setSecureContext(tlsOptions(tls))
  }

  /** Stops accepting connections, and closes each one after its response. Resolves when all are closed. */
  async drain(): Promise<void> {
    await Promise.all(this.#servers.map((http) => http.drain()))
  }

  /** Aborts all connections. Returns the number of requests in progress. */
  abort(): number {
    let count = 0
    for (const http of this.#servers) {
      for (const connection of http.connections) if (!connection.isIdle) count++
      http.destroy()
    }
    return count
  }
}

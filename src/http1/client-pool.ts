import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import {
  ClientConnection,
  type ClientLimits,
  type OutgoingRequest,
  type ResponseSink,
} from './client-connection.js'
import { Deadlines } from './deadlines.js'

/** The address of an upstream. */
export type Target =
  | { readonly path: string }
  | { readonly host: string; readonly port: number; readonly tls: false }
  | { readonly host: string; readonly port: number; readonly tls: true; readonly ca: Buffer | undefined }

const SOCKET = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }

/**
 * The read buffer of all sockets, which is processed before the next read. It saves a buffer per read, and bypasses Node's
 * streams, which discard data once a write has failed.
 */
const BUFFER = Buffer.allocUnsafeSlow(64 * 1024)

/** The connections to one upstream. Idle ones form a stack, since the most recent is least likely to have been closed. */
export class ClientPool {
  readonly deadlines = new Deadlines()
  readonly #idle: ClientConnection[] = []
  readonly #all = new Set<ClientConnection>()
  #session: Buffer | undefined

  constructor(
    readonly target: Target,
    readonly limits: ClientLimits,
  ) {}

  /**
   * Sends a request.
   * @param fresh whether to open a new connection, because all idle ones may have been closed
   */
  send(request: OutgoingRequest, sink: ResponseSink, fresh = false): ClientConnection {
    const connection = (fresh ? undefined : this.#pop()) ?? this.#open()
    connection.send(request, sink)
    return connection
  }

  #pop(): ClientConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop()
      // A connection may have been closed without its event having arrived yet.
      if (connection === undefined || connection.socket.writable) return connection
    }
  }

  get idle(): number {
    return this.#idle.length
  }

  #open(): ClientConnection {
    const isTls = 'tls' in this.target && this.target.tls
    const socket = this.#connect((bytes) => connection.receive(bytes))
    const connection: ClientConnection = new ClientConnection(
      socket,
      isTls ? 'secureConnect' : 'connect',
      this,
    )
    this.#all.add(connection)
    this.deadlines.add(connection)
    connection.deadline = this.deadlines.in(this.limits.connect)
    return connection
  }

  #connect(receive: (bytes: Buffer) => void): Socket {
    const { target } = this
    const onread = {
      buffer: BUFFER,
      callback(length: number, buffer: Uint8Array): boolean {
        receive((buffer as Buffer).subarray(0, length))
        return true
      },
    }
    if ('path' in target) return connectTcp({ ...SOCKET, onread, path: target.path })
    const { host, port } = target
    if (!target.tls) return connectTcp({ ...SOCKET, onread, host, port })
    const { ca } = target
    const socket = connectTls({
      ...SOCKET,
      host,
      port,
      // The certificate must be the upstream's, whatever `Host` says.
      servername: isIP(host) ? '' : host,
      ALPNProtocols: ['http/1.1'],
      ...(ca ? { ca } : {}),
      ...(this.#session ? { session: this.#session } : {}),
    })
    socket.on('data', receive)
    socket.on('session', (session: Buffer) => {
      this.#session = session
    })
    return socket
  }

  /** Returns a connection to the pool after its request. */
  release(connection: ClientConnection): void {
    const idle = Math.min(this.limits.idle, connection.idleFor)
    if (idle <= 0) {
      connection.abort()
      return
    }
    connection.deadline = this.deadlines.in(idle)
    this.#idle.push(connection)
  }

  forget(connection: ClientConnection): void {
    this.#all.delete(connection)
    const index = this.#idle.indexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
  }

  /** Aborts all connections. */
  destroy(): void {
    for (const { socket } of this.#all) socket.destroy()
  }
}

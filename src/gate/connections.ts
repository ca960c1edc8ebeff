import type { Socket } from 'node:net'
import { type Peer, peerOf, type TrustedProxies } from './client-address.js'
import type { Exchange } from './exchange.js'
import type { RememberedLogin } from './remembered-login.js'

/**
 * Requests that may wait behind the one that is being answered. Node parses all that it has read, which is up to 64 KiB.
 * Browsers and HTTP libraries pipeline nothing; a client that pipelines more is up to no good, and is disconnected.
 */
const MAX_WAITING = 32

/** A client's connection. Its requests are handled one at a time: the next one waits until the response is out. */
export class Connection {
  readonly peer: Peer
  /** As whom its last request was let in. Written by the gate. */
  login: RememberedLogin | undefined
  readonly #socket: Socket
  readonly #start: (exchange: Exchange, connection: Connection) => void
  #current: Exchange | undefined
  readonly #waiting: Exchange[] = []

  constructor(socket: Socket, peer: Peer, start: (exchange: Exchange, connection: Connection) => void) {
    this.#socket = socket
    this.peer = peer
    this.#start = start
    // Node reports it only to the response whose turn it is.
    socket.on('close', () => {
      this.#waiting.length = 0
      this.#current?.abort()
      this.#current?.closed()
    })
  }

  get isIdle(): boolean {
    return this.#current === undefined
  }

  /** Handles a request now, or once those before it are answered. */
  accept(exchange: Exchange): void {
    if (this.#current === undefined) this.#run(exchange)
    else this.#queue(exchange)
  }

  #queue(exchange: Exchange): void {
    if (this.#socket.destroyed) return
    if (this.#waiting.length === MAX_WAITING) this.#socket.destroy()
    else {
      this.#waiting.push(exchange)
      this.#socket.pause()
    }
  }

  /** Closes it if no request is in progress. */
  closeIfIdle(): void {
    if (this.isIdle) this.#socket.destroySoon()
  }

  /** Breaks off the request in progress, and closes the connection. Returns how many requests were in progress. */
  abort(): number {
    const count = this.isIdle ? 0 : 1
    this.#current?.abort()
    this.#socket.destroy()
    return count
  }

  #run(exchange: Exchange): void {
    this.#current = exchange
    this.#start(exchange, this)
    exchange.onClose(() => this.#next())
  }

  #next(): void {
    const next = this.#waiting.shift()
    this.#current = undefined
    // Node resumes it with each response, too early while more requests wait.
    if (this.#waiting.length > 0) this.#socket.pause()
    else if (!this.#socket.destroyed) this.#socket.resume()
    if (next) this.#run(next)
  }
}

/** All connections of clients. */
export class Connections {
  readonly #connections = new Map<Socket, Connection>()
  #draining = false

  /**
   * @param start handles a request when it is its turn
   */
  constructor(
    readonly trust: TrustedProxies,
    readonly start: (exchange: Exchange, connection: Connection) => void,
  ) {}

  /** The connection over a socket. */
  of(socket: Socket): Connection {
    let connection = this.#connections.get(socket)
    if (connection === undefined) {
      connection = new Connection(socket, peerOf(socket, this.trust), this.start)
      this.#connections.set(socket, connection)
      socket.on('close', () => this.#connections.delete(socket))
    }
    return connection
  }

  /** Takes in a request. */
  accept(exchange: Exchange, connection: Connection): void {
    if (this.#draining) exchange.closeConnectionAfterwards()
    connection.accept(exchange)
  }

  /** From now on each connection closes with its response. Closes those without a request. */
  drain(): void {
    this.#draining = true
    for (const connection of this.#connections.values()) connection.closeIfIdle()
  }

  /** Breaks off everything. Returns how many requests were in progress. */
  abort(): number {
    let count = 0
    for (const connection of this.#connections.values()) count += connection.abort()
    return count
  }
}

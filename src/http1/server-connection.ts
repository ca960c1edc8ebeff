import type { Socket } from 'node:net'
import type { Bounded, Deadlines } from './deadlines.js'
import type { Fields } from './fields.js'
import type { RequestHead } from './head.js'
import { beginTurn, endTurn, Outbox } from './outbox.js'
import { badRequest, ProtocolError } from './protocol-error.js'
import { RequestReceiver } from './receiver.js'
import { lengthLine, statusLine } from './serializer.js'
import { type ExchangeConnection, ServerExchange } from './server-exchange.js'

/** Serves a connection. */
export interface ConnectionHandler {
  request(exchange: ServerExchange): void
  /** Called for an invalid request; returns the response. */
  unreadable(error: ProtocolError): Answer
  closed(): void
}

export interface Answer {
  readonly lines: string
  readonly body: Buffer
}

/** Milliseconds. */
export interface ServerLimits {
  /** From a head's first byte to its last, and from the start of a connection to a head. */
  readonly head: number
  /** Between two requests. */
  readonly idle: number
  /** Without progress of a body or of the client reading the response. */
  readonly stall: number
  /**
   * How long to read and drop the rest of an unwanted body: closing at once would reset the connection while the client is still
   * sending, before it reads its response.
   */
  readonly linger: number
}

/** Bytes of pipelined requests to read ahead, so that a disconnecting client is noticed. */
const MOST_AHEAD = 64 * 1024
/** How long a closing connection may take to send its remaining output before it is checked, in milliseconds. */
const LAST_BYTES = 5000
/** How long to send nothing to a half-closed client before probing whether it is still there, in milliseconds. */
const HALF_CLOSED = 2000

/** A client's connection. Reads requests one by one, each after the previous response has been sent. */
export class ServerConnection implements Bounded, ExchangeConnection {
  deadline: number
  readonly outbox: Outbox
  readonly #receiver: RequestReceiver
  readonly #handler: ConnectionHandler
  #exchange: ServerExchange | undefined
  /** Whether a head has started, so that its deadline applies. */
  #inHead = false
  #paused = false
  /** Whether the client has closed its side. */
  #halfClosed = false
  /** Whether no more requests are served, and input is dropped. */
  #closing = false
  #needsDrain = false
  #patient = false

  constructor(
    readonly socket: Socket,
    readonly owner: {
      readonly draining: boolean
      readonly limits: ServerLimits
      readonly deadlines: Deadlines
    },
    connect: (connection: ServerConnection) => ConnectionHandler,
  ) {
    this.outbox = new Outbox(socket)
    this.#receiver = new RequestReceiver(this)
    this.#handler = connect(this)
    this.deadline = owner.deadlines.in(owner.limits.head)
    socket.on('data', (bytes: Buffer) => this.#onData(bytes))
    socket.on('drain', () => this.#onDrain())
    socket.on('end', () => this.#onEnd())
    socket.on('error', () => {}) // 'close' follows.
    socket.on('close', () => this.#onClose())
  }

  get isLast(): boolean {
    return this.owner.draining || (this.#halfClosed && this.#receiver.kept === 0)
  }

  /** Whether no request is in progress. A head that has started does not count. */
  get isIdle(): boolean {
    return this.#exchange === undefined && !this.#closing
  }

  // Called by the receiver.

  head(head: RequestHead): void {
    this.#inHead = false
    const exchange = new ServerExchange(this, head)
    this.#exchange = exchange
    this.deadline = Number.POSITIVE_INFINITY
    this.#receiver.held = head.length !== 0
    exchange.received = head.length === 0
    this.#handler.request(exchange)
  }

  body(bytes: Buffer): void {
    const exchange = this.#exchange as ServerExchange
    if (!exchange.isTunnel) this.#await()
    exchange.awaitsContinue = false
    exchange.sink.body(bytes)
  }

  end(trailers: Fields | undefined): void {
    const exchange = this.#exchange as ServerExchange
    exchange.received = true
    if (!exchange.isOver) this.#quiet()
    exchange.sink.bodyEnd(trailers)
    // A response sent from within has already finished the exchange.
    if (exchange.isOver && this.#exchange === exchange) {
      exchange.reportOver()
      this.#finish()
    }
  }

  // Called by the exchange.

  hold(exchange: ServerExchange, held: boolean): void {
    if (exchange !== this.#exchange || this.#receiver.held === held) return
    this.#receiver.held = held
    if (held) this.#quiet()
    else {
      if (!exchange.received) this.#await()
      if (!this.#receiver.isRunning) this.#read()
    }
  }

  keepsUp(): boolean {
    if (this.#halfClosed) this.deadline = this.owner.deadlines.in(HALF_CLOSED)
    if (!this.outbox.isFull) return true
    this.#needsDrain = true
    this.deadline = this.owner.deadlines.in(this.owner.limits.stall)
    return false
  }

  responseEnded(exchange: ServerExchange): void {
    if (exchange !== this.#exchange) return
    if (exchange.isTunnel) {
      this.outbox.flush()
      this.socket.end()
      if (exchange.received) this.#finish()
    } else if (exchange.received) {
      // The receiver is still processing its head or its last bytes.
      if (this.#receiver.ended) this.#finish()
    } else if (exchange.isBodyWanted) this.#await()
    else this.bodyDropped(exchange)
  }

  bodyDropped(exchange: ServerExchange): void {
    if (exchange !== this.#exchange || !exchange.isOver || exchange.received) {
      this.hold(exchange, false)
      return
    }
    if (!exchange.keepAlive) this.#close(this.owner.limits.linger)
    else {
      // The rest is read, so that the next request can arrive.
      this.deadline = this.owner.deadlines.in(this.owner.limits.linger)
      this.hold(exchange, false)
    }
  }

  tunnel(exchange: ServerExchange): void {
    if (exchange !== this.#exchange) return
    this.deadline = Number.POSITIVE_INFINITY
    exchange.received = false
    this.#receiver.raw()
    this.#receiver.held = false
    this.#read()
  }

  abort(reset: boolean): void {
    this.#closing = true
    this.outbox.flush()
    this.deadline = this.owner.deadlines.in(this.owner.limits.linger)
    if (reset && !('encrypted' in this.socket)) this.socket.resetAndDestroy()
    else this.socket.destroySoon()
  }

  /** Closes an idle connection. */
  closeIdle(): void {
    if (this.isIdle) this.#close(0)
  }

  // Events of the socket.

  #onData(bytes: Buffer): void {
    if (this.#closing) return
    beginTurn()
    try {
      this.#receiver.receive(bytes)
      this.#settle()
    } catch (error) {
      this.#refuse(error)
    } finally {
      endTurn()
    }
  }

  /** Continues with bytes that were already read. */
  #read(): void {
    try {
      this.#receiver.run()
    } catch (error) {
      this.#refuse(error)
      return
    }
    this.#settle()
  }

  /** After bytes were read: pauses or resumes the socket, and sets the deadline of a head that has started. */
  #settle(): void {
    if (this.#closing) return
    const { kept, held, isBetween } = this.#receiver
    const pause = held ? kept > 0 : kept > MOST_AHEAD
    if (pause !== this.#paused) {
      this.#paused = pause
      if (pause) this.socket.pause()
      else this.socket.resume()
    }
    if (this.#halfClosed) this.#settleEnd()
    else if (this.#exchange === undefined && !isBetween && !this.#inHead) {
      this.#inHead = true
      this.deadline = this.owner.deadlines.in(this.owner.limits.head)
    }
  }

  #onEnd(): void {
    this.#halfClosed = true
    if (this.#closing) this.socket.destroySoon()
    else {
      if (this.#exchange && !this.#exchange.isTunnel) this.deadline = this.owner.deadlines.in(HALF_CLOSED)
      this.#settleEnd()
    }
  }

  /** The client sends no more; kept bytes may remain. */
  #settleEnd(): void {
    const { kept, held, ended, isBetween } = this.#receiver
    if (kept > 0 && (held || ended)) return
    const exchange = this.#exchange
    if (exchange === undefined) {
      if (isBetween) this.#close(0)
      else this.#refuse(badRequest('the connection was closed before the head was complete'))
    } else if (this.#receiver.close()) {
      // In the middle of its body: the rest will not arrive.
      this.#closing = true
      this.socket.destroySoon()
      this.#lose(exchange)
    }
  }

  /** The client has disconnected. */
  #lose(exchange: ServerExchange): void {
    if (exchange.isOver && !exchange.received) exchange.sink.broken(badRequest('the client disconnected'))
    exchange.gone()
  }

  #onDrain(): void {
    if (!this.#needsDrain) return
    this.#needsDrain = false
    const exchange = this.#exchange
    if (exchange === undefined || exchange.isOver) return
    this.deadline = Number.POSITIVE_INFINITY
    if (exchange.isTunnel) exchange.sink.drain()
    else {
      if (this.#halfClosed) this.deadline = this.owner.deadlines.in(HALF_CLOSED)
      else if (!exchange.received && !this.#receiver.held) this.#await()
      exchange.sink.drain()
    }
  }

  #onClose(): void {
    this.#closing = true
    this.owner.deadlines.delete(this)
    const exchange = this.#exchange
    this.#exchange = undefined
    if (exchange) this.#lose(exchange)
    this.#handler.closed()
  }

  expire(): void {
    const exchange = this.#exchange
    if (this.#closing && this.socket.writableLength > 0 && !this.#patient) {
      // The client is slow, but still reads.
      this.#patient = true
      this.deadline = this.owner.deadlines.in(this.owner.limits.stall)
    } else if (this.#closing || this.#needsDrain) this.socket.destroy()
    else if (exchange === undefined) {
      // There is no request to respond to.
      if (this.#inHead) this.#refuse(new ProtocolError(408, 'the request did not arrive in time'))
      else this.#close(0)
    } else if (exchange.isOver) this.#close(0)
    else if (this.#halfClosed) this.#probe(exchange)
    else if (!exchange.received) this.#refuse(new ProtocolError(408, 'the body did not arrive in time'))
  }

  /**
   * A half-closed client may still read, or be gone: TCP reveals that only when something is sent. Before the response, that is an
   * interim one; during the response, a silent client counts as gone.
   */
  #probe(exchange: ServerExchange): void {
    if (exchange.isTunnel) return
    if (exchange.responded) this.socket.destroy()
    else exchange.inform(100, undefined, '')
  }

  /** Sets the request's deadline while waiting for its body. */
  #await(): void {
    const exchange = this.#exchange as ServerExchange
    if (!exchange.isOver && !this.#needsDrain)
      this.deadline = this.owner.deadlines.in(this.owner.limits.stall)
  }

  /** Nothing is expected from the client. */
  #quiet(): void {
    if (!this.#needsDrain && !this.#halfClosed) this.deadline = Number.POSITIVE_INFINITY
  }

  /** Request and response are complete. */
  #finish(): void {
    const exchange = this.#exchange as ServerExchange
    this.#exchange = undefined
    this.#needsDrain = false
    if (exchange.isTunnel) {
      this.#closing = true
      this.socket.destroySoon()
    } else if (!exchange.keepAlive || this.owner.draining)
      this.#close(this.#receiver.kept === 0 ? 0 : this.owner.limits.linger)
    else {
      this.deadline = this.owner.deadlines.in(this.owner.limits.idle)
      this.#receiver.held = false
      this.#receiver.next()
      if (!this.#receiver.isRunning) this.#read()
    }
  }

  #refuse(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error
    const exchange = this.#exchange
    if (exchange === undefined) {
      const { lines, body } = this.#handler.unreadable(error)
      this.outbox.text(
        `${statusLine(error.status, undefined)}${lines}${lengthLine(body.length)}Connection: close\r\n\r\n`,
      )
      this.outbox.bytes(body, false)
      this.#close(this.owner.limits.linger)
    } else if (exchange.isOver) this.#close(0)
    else {
      exchange.keepAlive = false
      exchange.sink.broken(error)
      if (!exchange.isOver) exchange.abort()
    }
  }

  /** Closes the gate's side, and keeps reading until the client closes its own, for at most `linger` milliseconds. */
  #close(linger: number): void {
    if (this.#closing) return
    this.#closing = true
    this.outbox.flush()
    this.socket.end()
    if (this.#halfClosed || linger === 0) this.socket.destroySoon()
    else if (this.#paused) this.socket.resume()
    this.deadline = this.owner.deadlines.in(Math.max(linger, LAST_BYTES))
    const exchange = this.#exchange
    if (exchange?.isOver && !exchange.received)
      exchange.sink.broken(badRequest('the rest of the body is not read'))
  }
}

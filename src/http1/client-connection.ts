import type { Socket } from 'node:net'
import type { BodySink } from './body-reader.js'
import type { Bounded, Deadlines } from './deadlines.js'
import type { Fields } from './fields.js'
import { CHUNKED, type Length, UNTIL_CLOSE } from './framing.js'
import type { ResponseHead } from './head.js'
import { beginTurn, endTurn, Outbox } from './outbox.js'
import { badResponse, ProtocolError } from './protocol-error.js'
import { ResponseReceiver } from './receiver.js'
import { chunkSize, lastChunk, requestHead } from './serializer.js'

/** Why there is no complete response. */
export type Failure =
  /** No connection could be made. */
  | 'unreachable'
  /** No connection could be made in time. */
  | 'connect-timeout'
  /** The response did not start in time. */
  | 'timeout'
  /** The connection was closed or broke. */
  | 'closed'
  /** The response is not valid HTTP/1.1. */
  | 'protocol'

export class ClientError extends Error {
  override readonly name = 'ClientError'
  constructor(
    readonly failure: Failure,
    message: string,
    /** Whether the connection had served a request before and sent nothing now: most likely it was closed while idle. */
    readonly isStale: boolean,
  ) {
    super(message)
  }
}

/** Receives a response and the progress of its request. The bytes of its body are valid only during the call. */
export interface ResponseSink extends BodySink {
  /** An interim response other than 101. */
  inform(head: ResponseHead): void
  /** The head of the final response, or of a 101, after which `tunnel` makes the connection a tunnel. */
  respond(head: ResponseHead): void
  /** The response is complete. Once the request is sent too, the connection is free. */
  end(trailers: Fields | undefined): void
  /** The other side has caught up after `write` returned false. */
  drain(): void
  /** The exchange failed. No other call follows. */
  failed(error: ClientError): void
}

export interface OutgoingRequest {
  readonly method: string
  readonly path: string
  /** Field lines, without framing and connection fields. */
  readonly lines: string
  readonly length: Length
}

/** Milliseconds. */
export interface ClientLimits {
  /** Until a connection is made. */
  readonly connect: number
  /** From the end of the request to the start of the response; and for the upstream to accept part of the request. */
  readonly response: number
  /** How long an idle connection stays open. */
  readonly idle: number
}

/** Most interim responses to one request. */
const MOST_INTERIM = 100
/** How long to wait for a response from an upstream that does not accept the rest of the request, in milliseconds. */
const LAST_WORDS = 500

/** A connection to an upstream: one request at a time. */
export class ClientConnection implements Bounded {
  deadline: number
  readonly outbox: Outbox
  readonly #receiver: ResponseReceiver
  #sink: ResponseSink | undefined
  #isConnected = false
  /** Number of requests served. */
  #served = 0
  #hasReceived = false
  #requestSent = true
  #responded = false
  #keepsAlive = false
  #isTunnel = false
  #chunked = false
  #interim = 0
  #paused = false
  #halfClosed = false
  #needsDrain = false
  #error: Error | undefined
  #expired = false
  /** How long the upstream says it keeps idle connections, in milliseconds. */
  idleFor = Number.POSITIVE_INFINITY

  constructor(
    readonly socket: Socket,
    connected: 'connect' | 'secureConnect',
    readonly owner: {
      readonly limits: ClientLimits
      readonly deadlines: Deadlines
      release(connection: ClientConnection): void
      forget(connection: ClientConnection): void
    },
  ) {
    this.outbox = new Outbox(socket)
    this.#receiver = new ResponseReceiver({
      head: (head) => this.#head(head),
      body: (bytes) => this.#sink?.body(bytes),
      end: (trailers) => this.#end(trailers),
    })
    this.deadline = owner.deadlines.in(owner.limits.connect)
    socket.once(connected, () => {
      this.#isConnected = true
      this.#await()
    })
    socket.on('drain', () => this.#onDrain())
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error) => {
      this.#error ??= error
    })
    socket.on('close', () => this.#onClose())
    this.#surviveWriteErrors()
  }

  /** Sends a request's head, and its body's end if it has none. */
  send(request: OutgoingRequest, sink: ResponseSink): void {
    this.#sink = sink
    this.#hasReceived = false
    this.#responded = false
    this.#interim = 0
    this.#chunked = request.length === CHUNKED
    this.#requestSent = request.length === 0
    this.#receiver.toHead = request.method === 'HEAD'
    const { method, path, lines, length } = request
    // For most methods, no length means no body (RFC 9110, section 8.6).
    this.outbox.text(
      requestHead(method, path, lines, length === 0 && !MEANS_BODY.has(method) ? UNTIL_CLOSE : length),
    )
    this.#await()
  }

  /**
   * Sends part of the request's body or of a tunnel. The connection takes ownership of the bytes.
   * @returns false if the upstream does not keep up: wait for `drain`
   */
  write(bytes: Buffer): boolean {
    if (bytes.length === 0) return true
    if (!this.socket.writable) return false // `failed`, or the response, is about to come.
    if (this.#chunked) {
      this.outbox.text(chunkSize(bytes.length))
      this.outbox.bytes(bytes, false)
      this.outbox.text('\r\n')
    } else this.outbox.bytes(bytes, false)
    if (!this.outbox.isFull) return true
    this.#needsDrain = true
    this.#await()
    return false
  }

  /** Completes the request. In a tunnel: the client sends no more. */
  finish(trailers = ''): void {
    if (this.#isTunnel) {
      this.outbox.flush()
      this.socket.end()
    } else if (this.#chunked) this.outbox.text(lastChunk(trailers))
    this.#requestSent = true
    if (this.#receiver.ended && this.#sink !== undefined) this.#release()
    else this.#await()
  }

  /** Makes the connection a tunnel; must be called within `respond` for a 101. */
  tunnel(): void {
    this.#isTunnel = true
    this.#chunked = false
    this.#requestSent = false
    this.#receiver.raw()
  }

  /** Pauses the response. */
  pause(): void {
    this.#receiver.held = true
    this.#settle()
  }

  resume(): void {
    if (!this.#receiver.held) return
    this.#receiver.held = false
    if (!this.#receiver.isRunning) this.#read()
  }

  /** Aborts, because the response is no longer needed. */
  abort(): void {
    this.#sink = undefined
    this.socket.destroy()
  }

  // Called by the receiver.

  #head(head: ResponseHead): void {
    const sink = this.#sink as ResponseSink
    if (head.status < 200 && head.status !== 101) {
      if (++this.#interim > MOST_INTERIM)
        throw badResponse(`more than ${MOST_INTERIM} interim responses came before one`)
      sink.inform(head)
      this.#await()
      return
    }
    this.#responded = true
    this.#keepsAlive = head.keepsAlive && head.length !== UNTIL_CLOSE && !hasStrayBody(head)
    this.idleFor = idleTime(head)
    this.#await()
    sink.respond(head)
  }

  #end(trailers: Fields | undefined): void {
    const sink = this.#sink
    if (sink === undefined) return
    // Bytes after a response were not requested. The next user of the connection would mistake them for its response.
    if (this.#receiver.kept > 0) this.#keepsAlive = false
    if (this.#requestSent) this.#release()
    sink.end(trailers)
  }

  /** Request and response are over. */
  #release(): void {
    this.#sink = undefined
    if (!this.#keepsAlive || this.#halfClosed || this.#isTunnel || !this.socket.writable) {
      this.outbox.flush()
      this.socket.destroySoon()
      return
    }
    this.#served++
    this.#receiver.held = false
    this.#receiver.next()
    this.owner.release(this)
  }

  // Events of the socket.

  /** Receives bytes from the socket; they may be overwritten afterwards. */
  receive(bytes: Buffer): void {
    if (this.#sink === undefined) {
      this.socket.destroy()
      return
    }
    this.#hasReceived = true
    beginTurn()
    try {
      this.#receiver.receive(bytes)
      this.#receiver.own()
      this.#settle()
    } catch (error) {
      this.#refuse(error)
    } finally {
      endTurn()
    }
  }

  #read(): void {
    try {
      this.#receiver.run()
    } catch (error) {
      this.#refuse(error)
      return
    }
    this.#settle()
  }

  #settle(): void {
    const { held, kept } = this.#receiver
    const pause = held && kept > 0
    if (pause !== this.#paused) {
      this.#paused = pause
      if (pause) this.socket.pause()
      else this.socket.resume()
    }
    if (this.#halfClosed && kept === 0) this.#settleEnd()
  }

  #onEnd(): void {
    this.#halfClosed = true
    if (this.#sink === undefined) this.socket.destroy()
    else if (this.#receiver.kept === 0) this.#settleEnd()
  }

  /** The upstream sends no more. */
  #settleEnd(): void {
    const sink = this.#sink
    if (sink === undefined || (this.#receiver.ended && !this.#isTunnel)) return
    if (this.#receiver.close() || !this.#responded)
      this.fail('closed', 'closed the connection before its response was complete')
  }

  #onDrain(): void {
    if (!this.#needsDrain) return
    this.#needsDrain = false
    this.#await()
    this.#sink?.drain()
  }

  #onClose(): void {
    this.owner.deadlines.delete(this)
    this.owner.forget(this)
    if (this.#sink === undefined) return
    const { message } = this.#error ?? { message: 'closed the connection' }
    this.fail(this.#isConnected ? 'closed' : 'unreachable', message)
  }

  expire(): void {
    const { limits } = this.owner
    if (this.#sink === undefined) this.socket.destroy()
    else if (!this.#isConnected)
      this.fail('connect-timeout', `no connection within ${limits.connect / 1000} s`)
    else if (this.#error) this.socket.destroy()
    else {
      this.#expired = true
      const what = this.#responded ? 'did not read the rest of the request' : 'did not respond'
      this.fail('timeout', `${what} within ${limits.response / 1000} s`)
    }
  }

  /** The deadline for the upstream to accept the connection and the request, and to respond. */
  #await(): void {
    if (!this.#isConnected || this.#sink === undefined || this.#error) return
    const owes = this.#isTunnel ? false : this.#needsDrain || (this.#requestSent && !this.#responded)
    this.deadline = owes ? this.owner.deadlines.in(this.owner.limits.response) : Number.POSITIVE_INFINITY
  }

  #refuse(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error
    this.fail('protocol', error.message)
  }

  /** Fails with an error. */
  fail(failure: Failure, message: string): void {
    const sink = this.#sink
    this.#sink = undefined
    this.socket.destroy()
    const isStale =
      this.#served > 0 && !this.#responded && !this.#expired && (!this.#hasReceived || failure === 'protocol')
    sink?.failed(new ClientError(failure, message, isStale))
  }

  /**
   * An upstream may respond and close before it has read the whole request. Sending more then fails, and Node would discard the
   * response along with the socket. So keep reading for a moment.
   */
  #surviveWriteErrors(): void {
    const { socket } = this
    const destroy = socket.destroy
    socket.destroy = (error?: NodeJS.ErrnoException) => {
      if (error?.syscall?.startsWith('write') && this.#sink && !this.#error && !this.#halfClosed) {
        this.#error = error
        this.deadline = this.owner.deadlines.in(LAST_WORDS)
        return socket
      }
      return destroy.call(socket, error)
    }
  }
}

/** Methods that should have a length even without a body (RFC 9110, section 8.6). */
const MEANS_BODY = new Set(['POST', 'PUT', 'PATCH'])

/** Whether a response that must not have a body announces one, so that bytes after its head are not a response. */
const hasStrayBody = (head: ResponseHead): boolean =>
  (head.status === 204 && (Number(head.contentLength) > 0 || head.transferEncodings > 0)) ||
  (head.status === 304 && head.transferEncodings > 0)

/** The timeout in `Keep-Alive: timeout=SECONDS`, in milliseconds, with some margin. */
function idleTime(head: ResponseHead): number {
  const seconds = /timeout=(\d+)/.exec(head.fields.get('keep-alive') ?? '')?.[1]
  return seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds) * 1000 - 500
}

import type { ClientConnection } from '../http1/client-connection.js'
import type { Exchange, Terminable } from './exchange.js'
import { closeFrame, WebSocketFrames } from './websocket-frames.js'

/** "Policy violation" (RFC 6455, section 7.4.1). */
const POLICY_VIOLATION = 1008
/** How long a frame that has begun may take to end before the connection is closed without a close frame, in milliseconds. */
const FRAME_TIMEOUT = 250
/** How long the client has to read the close frame. */
const CLOSE_TIMEOUT = 500

/** A WebSocket between a client and the upstream. Bytes pass as they are; frames are followed so that it can be closed. */
export class Tunnel implements Terminable {
  readonly #exchange: Exchange
  readonly #upstream: ClientConnection
  /** What goes to the client. */
  readonly #frames = new WebSocketFrames()
  #terminating = false

  constructor(exchange: Exchange, upstream: ClientConnection) {
    this.#exchange = exchange
    this.#upstream = upstream
  }

  /** Whether it is being closed: then nothing of the client's passes any more. */
  get isTerminating(): boolean {
    return this.#terminating
  }

  /** Passes bytes on to the client. */
  toClient(bytes: Buffer): void {
    const part = this.#terminating ? bytes.subarray(0, this.#frames.pushCurrent(bytes)) : bytes
    if (!this.#terminating) this.#frames.push(bytes)
    if (!this.#exchange.write(part)) this.#upstream.pause()
    if (this.#terminating && this.#frames.isBetweenFrames) this.#close()
  }

  /** Closes the WebSocket with 1008 once the current frame has ended, or without a word if that takes too long. */
  terminate(): void {
    if (this.#terminating) return
    this.#terminating = true
    setTimeout(() => this.#exchange.abort(), FRAME_TIMEOUT + CLOSE_TIMEOUT).unref()
    if (this.#frames.isBetweenFrames) this.#close()
    else setTimeout(() => this.#upstream.abort(), FRAME_TIMEOUT).unref()
  }

  #close(): void {
    this.#upstream.abort()
    this.#exchange.write(closeFrame(POLICY_VIOLATION, 'login revoked'))
    this.#exchange.end()
  }
}

import type { ClientConnection } from '../http1/client-connection.js'
import type { Exchange, Terminable } from './exchange.js'
import { closeFrame, WebSocketFrames } from './websocket-frames.js'

/** "Policy violation" (RFC 6455, section 7.4.1). */
const POLICY_VIOLATION = 1008
/** How long the current frame may take to end before the connection closes without a close frame, in milliseconds. */
const FRAME_TIMEOUT = 250
/** How long the client has to read the close frame, in milliseconds. */
const CLOSE_TIMEOUT = 500

/** A WebSocket between client and upstream. Bytes pass unchanged; it tracks frames only to close between two of them. */
export class Tunnel implements Terminable {
  readonly #exchange: Exchange
  readonly #upstream: ClientConnection
  /** Frames to the client. */
  readonly #frames = new WebSocketFrames()
  #terminating = false

  constructor(exchange: Exchange, upstream: ClientConnection) {
    this.#exchange = exchange
    this.#upstream = upstream
  }

  /** Whether it is closing: the client's bytes no longer pass. */
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

  /** Closes the WebSocket with code 1008 after the current frame, or without a close frame if that takes too long. */
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

import type { Duplex } from 'node:stream'
import type { Terminable } from './exchange.js'
import { closeFrame, WebSocketFrames } from './websocket-frames.js'

/** "Policy violation" (RFC 6455, section 7.4.1). */
const POLICY_VIOLATION = 1008
/** How long a frame that has begun may take to end before the connection is closed without a close frame, in milliseconds. */
const FRAME_TIMEOUT = 250
/** How long the client has to read the close frame. */
const CLOSE_TIMEOUT = 500

/** Two connections as one: bytes pass both ways as they come, until one side ends. */
export class Tunnel implements Terminable {
  readonly #client: Duplex
  readonly #upstream: Duplex
  readonly #onBytes: (count: number) => void
  /** What goes to the client. */
  readonly #frames = new WebSocketFrames()
  #terminating = false
  #open = 2

  /** @param onBytes called with the number of bytes that go to the client */
  constructor(client: Duplex, upstream: Duplex, onBytes: (count: number) => void) {
    this.#client = client
    this.#upstream = upstream
    this.#onBytes = onBytes
    for (const side of [client, upstream]) side.on('error', () => this.#destroy())
    client.on('close', () => this.#destroy())
    upstream.on('close', () => this.#upstreamClosed())
    client.on('end', () => this.#ended())
    client.pipe(upstream)
    upstream.on('data', (chunk: Buffer) => this.#toClient(chunk))
    upstream.on('end', () => {
      client.end()
      this.#ended()
    })
    client.on('drain', () => upstream.resume())
  }

  /** Closes the WebSocket with 1008 once the current frame has ended, or without a word if that takes too long. */
  terminate(): void {
    if (this.#terminating) return
    this.#terminating = true
    this.#client.unpipe(this.#upstream)
    // What the client still sends is dropped.
    this.#client.resume()
    setTimeout(() => this.#destroy(), FRAME_TIMEOUT + CLOSE_TIMEOUT).unref()
    if (this.#frames.isBetweenFrames) this.#close()
    else setTimeout(() => this.#upstream.destroy(), FRAME_TIMEOUT).unref()
  }

  #toClient(chunk: Buffer): void {
    const part = this.#terminating ? chunk.subarray(0, this.#frames.pushCurrent(chunk)) : chunk
    if (!this.#terminating) this.#frames.push(chunk)
    this.#onBytes(part.length)
    if (!this.#client.write(part)) this.#upstream.pause()
    if (this.#terminating && this.#frames.isBetweenFrames) this.#close()
  }

  #close(): void {
    this.#upstream.destroy()
    this.#client.end(closeFrame(POLICY_VIOLATION, 'login revoked'))
  }

  #upstreamClosed(): void {
    // A close frame is still on its way to the client.
    if (this.#terminating && this.#client.writableEnded) return
    this.#destroy()
  }

  #ended(): void {
    if (--this.#open === 0) this.#destroy()
  }

  #destroy(): void {
    this.#client.destroy()
    this.#upstream.destroy()
  }
}

import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/**
 * A request's body on its way to the upstream. Destroying it leaves the request and so the client's connection alone:
 * an upstream that answers before it has read everything is no reason to hang up.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage

  constructor(request: IncomingMessage) {
    super({ highWaterMark: request.readableHighWaterMark })
    this.#request = request
    request.on('data', (chunk) => {
      if (!this.destroyed && !this.push(chunk)) request.pause()
    })
    request.on('end', () => this.push(null))
    request.on('error', (error) => this.destroy(error))
    request.on('close', () => {
      if (!request.complete) this.destroy(new Error('the client has gone'))
    })
    request.pause()
  }

  override _read(): void {
    this.#request.resume()
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Client, Peer } from './client-address.js'
import type { RequestHead } from './headers.js'
import { type Reply, send } from './replies.js'

export interface Asked {
  readonly method: string
  readonly target: string
}

/** One request and its response, and what the log says about them. */
export class Exchange {
  readonly started = performance.now()
  user: string | undefined
  /** Bytes of the body that went to the client. */
  bytes = 0
  /** The request that a proxy asks about, where this one is only its question. */
  asked: Asked | undefined
  /** Told when the client has gone, or has all that there is for it. */
  onOver: (() => void) | undefined
  /** Undefined until there is a response. */
  status: number | undefined

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    readonly head: RequestHead,
    readonly peer: Peer,
    readonly client: Client,
    /** The client's connection, where it asks for a tunnel, as WebSocket does. */
    readonly tunnel: Duplex | undefined,
  ) {}

  get method(): string {
    return this.request.method as string
  }

  /** Path and query, as they came. */
  get target(): string {
    return this.request.url as string
  }

  /** For the log: the path alone, since a query may hold secrets. */
  get path(): string {
    const target = this.asked?.target ?? this.target
    const query = target.indexOf('?')
    return query === -1 ? target : target.slice(0, query)
  }

  reply(reply: Reply): void {
    if (this.response.headersSent || this.response.destroyed) return
    this.status = reply.status
    const { head, request, response } = this
    const unread = head.hasBody && !request.complete
    this.bytes = send(reply, head.accept, unread, head.expect !== undefined, request, response)
  }

  /** Ends it so that the client sees that something is missing. */
  breakOff(): void {
    this.response.destroy()
  }
}

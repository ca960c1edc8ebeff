import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Principal } from '../auth/principal.js'
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
  /** Who sent it, once that has been verified. */
  principal: Principal | undefined
  /** Why it was refused, in a word that the log and the metrics share. */
  reason: string | undefined
  /** The role that was missing. */
  missingRole: string | undefined
  /** Milliseconds until the upstream began to answer. */
  upstreamMs: number | undefined
  /** Whether a page of the gate's own origin sent it. */
  isOwnPage = false
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

  /** The method that is judged: the one that a proxy asks about, if it does. */
  get judgedMethod(): string {
    return this.asked?.method ?? this.method
  }

  /** The path and query that are judged. */
  get judgedTarget(): string {
    return this.asked?.target ?? this.target
  }

  /** For the log: the path alone, since a query may hold secrets. */
  get path(): string {
    const target = this.judgedTarget
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

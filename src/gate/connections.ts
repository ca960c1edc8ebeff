import type { ProtocolError } from '../http1/protocol-error.js'
import type { Answer, ConnectionHandler, ServerConnection } from '../http1/server-connection.js'
import type { ServerExchange } from '../http1/server-exchange.js'
import type { Profile } from '../policy/profile.js'
import { type Peer, peerOf, type TrustedProxies } from './client-address.js'
import { Exchange } from './exchange.js'
import type { RememberedLogin } from './remembered-login.js'
import type { HeaderFilter } from './removed-headers.js'
import { replies, replyAnswer } from './replies.js'

/** What all connections share. */
export interface ConnectionsOptions {
  readonly trust: TrustedProxies
  readonly filter: HeaderFilter
  readonly handle: (exchange: Exchange, connection: Connection) => void
  /** Makes an error body that the application's clients understand. */
  readonly errorBody: Profile['errorBody']
  /** Counts and logs a message that is not a valid request. */
  readonly unreadable: (client: string, status: number) => void
}

/** A client's connection. */
export class Connection implements ConnectionHandler {
  readonly peer: Peer
  /** The login of its last request. Set by the gate. */
  login: RememberedLogin | undefined
  readonly #options: ConnectionsOptions

  constructor(connection: ServerConnection, options: ConnectionsOptions) {
    this.peer = peerOf(connection.socket, options.trust)
    this.#options = options
  }

  request(http: ServerExchange): void {
    const { trust, filter, handle } = this.#options
    handle(new Exchange(http, this.peer, trust, filter), this)
  }

  unreadable(error: ProtocolError): Answer {
    this.#options.unreadable(this.peer.address, error.status)
    return replyAnswer(replies.unreadable(error.status, error.message), '', this.#options.errorBody)
  }

  closed(): void {}
}

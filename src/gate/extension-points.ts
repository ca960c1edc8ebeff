import type { Credential } from '../auth/credential.js'
import type { Principal } from '../auth/principal.js'
import type { Exchange } from './exchange.js'
import type { Reply } from './replies.js'

// The extension points of the pipeline in gate.ts.

/**
 * Answers an admitted request, from the upstream or by itself. `principal` is undefined for a request that needs no login.
 */
export type Handler = (exchange: Exchange, principal: Principal | undefined) => void

/** The request to judge: the client's own, or in forward-auth the one that a proxy asks about. */
export interface Subject {
  readonly method: string
  /** Path and query, unchanged. */
  readonly target: string
  /** Whether the request asks for a tunnel, such as a WebSocket. */
  readonly upgrade: boolean
  /** False in forward-auth if the proxy is not trusted or does not say which request it asks about. */
  readonly isKnown: boolean
}

/**
 * Finds a credential outside of `Authorization`, such as a session cookie or a client certificate; undefined if there is
 * none. Called only without an `Authorization` header.
 */
export type CredentialSource = (exchange: Exchange) => Credential | undefined

/** The gate's own pages, such as the login page and an issuer's callback. They need no login. */
export interface Pages {
  /** Whether the gate serves this path itself. */
  owns(path: string): boolean
  /** Answers the request, possibly asynchronously. */
  handle(exchange: Exchange): void
  /** The reply to a request without a valid login, such as a redirect; undefined for a 401. */
  challenge(exchange: Exchange, subject: Subject): Reply | undefined
  /** A reply that takes precedence over the request of a valid session, such as a redirect to renew it; usually undefined. */
  renewal(exchange: Exchange, subject: Subject): Reply | undefined
}

import type { Credential } from '../auth/credential.js'
import type { Principal } from '../auth/principal.js'
import type { Exchange } from './exchange.js'
import type { Reply } from './replies.js'

// Where further steps fit into the pipeline of gate.ts.

/**
 * Answers a request that is let in: by the upstream, or by itself. `principal` is undefined for a request that needs no
 * login.
 */
export type Handler = (exchange: Exchange, principal: Principal | undefined) => void

/** The request that is judged: the client's own, or in forward-auth the one that a proxy asks about. */
export interface Subject {
  readonly method: string
  /** Path and query as they came. */
  readonly target: string
  /** Whether the request asks for a tunnel, as WebSocket does. */
  readonly upgrade: boolean
  /** False in forward-auth where the proxy is not trusted, or does not say what it asks about. */
  readonly isKnown: boolean
}

/**
 * Finds a credential outside of `Authorization`: a session cookie, a client certificate. Undefined where there is none.
 * Asked only where `Authorization` has none.
 */
export type CredentialSource = (exchange: Exchange) => Credential | undefined

/** Pages of the gate's own, such as the login page and the callback of an issuer. They need no login. */
export interface Pages {
  /** Whether the gate answers this path itself. */
  owns(path: string): boolean
  /** Answers, now or later. */
  handle(exchange: Exchange): void
  /** What to answer a request without a valid login in place of 401, such as a redirect; undefined for the 401. */
  challenge(exchange: Exchange, subject: Subject): Reply | undefined
  /** What to answer a request with a valid session first, such as a redirect that renews it; usually undefined. */
  renewal(exchange: Exchange, subject: Subject): Reply | undefined
}

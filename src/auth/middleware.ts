import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Authenticator, AuthVerdict } from './authenticator.js'
import type { Principal } from './principal.js'
import { refusal } from './refusal.js'

/** A request with a valid login. */
export type AuthenticatedRequest = IncomingMessage & {
  /** The principal's name. */
  user?: string
  principal?: Principal
}

/** Calls `next` for a request with a valid login, and responds to all others itself. */
export type Middleware = (request: AuthenticatedRequest, response: ServerResponse, next: () => void) => void

/**
 * Middleware for node:http and Express. Sets `request.user` and `request.principal` on requests with a valid login, and
 * responds to all others with 401, 429 or 503.
 *
 * @example
 * const guard = middleware(await createAuthenticator({ file: '.htpasswd' }))
 * const server = http.createServer((request, response) => {
 *   guard(request, response, () => response.end(`hello ${request.user}`))
 * })
 */
export function middleware(authenticator: Authenticator): Middleware {
  return (request, response, next) => {
    const decide = (verdict: AuthVerdict): void => {
      if (verdict.ok) {
        request.user = verdict.user
        request.principal = verdict.principal
        next()
      } else {
        const { status, headers, body } = refusal(verdict, authenticator)
        // Some clients read only the first challenge of a line.
        const isLogin = 'www-authenticate' in headers
        const lines = isLogin ? { ...headers, 'www-authenticate': [...authenticator.challenges] } : headers
        response.writeHead(status, lines).end(body)
      }
    }
    const { authorization } = request.headersDistinct
    const known = authenticator.remembered(authorization)
    if (known) return decide(known)
    const gone = new AbortController()
    const abort = () => gone.abort()
    response.once('close', abort)
    const verdict = authenticator.authenticate(authorization, request.socket.remoteAddress, gone.signal)
    void Promise.resolve(verdict).then((verdict) => {
      response.off('close', abort)
      if (!gone.signal.aborted) decide(verdict)
    })
  }
}

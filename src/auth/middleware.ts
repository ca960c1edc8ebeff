import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Authenticator, Verdict } from './authenticator.js'
import { refusal } from './refusal.js'

/** The request, once it is let in. */
export type AuthenticatedRequest = IncomingMessage & { user?: string }

export type Middleware = (request: AuthenticatedRequest, response: ServerResponse, next: () => void) => void

/**
 * Lets in who has a password, with the name as `request.user`; answers the others 401 or 503. For node:http and for
 * Express.
 *
 * @example
 * const guard = middleware(await createAuthenticator({ file: '.htpasswd' }))
 * const server = http.createServer((request, response) => {
 *   guard(request, response, () => response.end(`hello ${request.user}`))
 * })
 */
export function middleware(authenticator: Authenticator): Middleware {
  return (request, response, next) => {
    const decide = (verdict: Verdict): void => {
      if (verdict.ok) {
        request.user = verdict.user
        next()
      } else {
        const { status, headers, body } = refusal(verdict, authenticator.realm)
        response.writeHead(status, headers).end(body)
      }
    }
    const verdict = authenticator.authenticate(
      request.headersDistinct.authorization,
      request.socket.remoteAddress,
    )
    if (verdict instanceof Promise) verdict.then(decide)
    else decide(verdict)
  }
}

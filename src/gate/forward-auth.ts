import type { IncomingMessage } from 'node:http'
import type { Asked, Exchange } from './exchange.js'
import { headerText } from './headers.js'

/**
 * The answer to a proxy that asks whether its client may pass: yes, and who it is. Refusals are the same as towards a
 * client, so that the proxy can pass them on.
 */
export function confirm(exchange: Exchange): void {
  const { response, user } = exchange
  exchange.status = 200
  response.writeHead(200, ['X-Forwarded-User', headerText(user as string), 'Content-Length', '0'])
  response.end()
}

/** What the proxy's client asked for, as Caddy and Traefik tell it by themselves, and nginx if it is configured so. */
export function askedAbout({ method, url, headers }: IncomingMessage): Asked {
  const first = (...names: string[]) =>
    names.map((name) => headers[name]).find((value) => value !== undefined)
  return {
    method: String(first('x-forwarded-method', 'x-original-method') ?? method),
    target: String(first('x-forwarded-uri', 'x-original-uri', 'x-original-url') ?? url),
  }
}

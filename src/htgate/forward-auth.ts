import type { Exchange } from './exchange.js'
import { headerText } from './head.js'

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

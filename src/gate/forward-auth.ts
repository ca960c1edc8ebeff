import type { Asked, Exchange } from './exchange.js'
import { groupsText, headerText } from './headers.js'

/**
 * The answer to a proxy that asks whether its client may pass: yes, and who it is. Refusals are the same as towards a
 * client, so that the proxy can pass them on.
 */
export function confirm(exchange: Exchange): void {
  const { response, principal } = exchange
  exchange.status = 200
  const headers = ['Content-Length', '0']
  if (principal !== undefined) {
    headers.push('X-Forwarded-User', headerText(principal.name))
    if (principal.groups.length > 0) headers.push('X-Forwarded-Groups', groupsText(principal.groups))
  }
  response.writeHead(200, headers)
  response.end()
}

const METHOD_HEADERS = ['x-forwarded-method', 'x-original-method']
const TARGET_HEADERS = ['x-forwarded-uri', 'x-original-uri', 'x-original-url']

/**
 * The request that a proxy asks about. Caddy and Traefik name it in X-Forwarded-Method and -Uri, nginx in whatever its
 * configuration says; Envoy sends method and target as its own. Undefined where that is contradictory: a client's own headers
 * have come through, beside those of the proxy.
 *
 * @param headers by name in lower case
 */
export function askedAbout(
  method: string,
  target: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Asked | undefined {
  const methods = valuesOf(METHOD_HEADERS, headers)
  const targets = valuesOf(TARGET_HEADERS, headers).map(originForm)
  if (methods.length === 0 && targets.length === 0) return { method, target }
  const [asked] = methods
  const [about] = targets
  if (asked === undefined || about === undefined) return undefined
  if (methods.some((each) => each !== asked) || targets.some((each) => each !== about)) return undefined
  return /^[A-Za-z-]+$/.test(asked) && /^\/\S*$/.test(about) ? { method: asked, target: about } : undefined
}

const valuesOf = (
  names: readonly string[],
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string[] => names.flatMap((name) => headers[name] ?? [])

/** A URL's path and query; ingress-nginx gives the whole URL. */
const originForm = (target: string): string => target.replace(/^https?:\/\/[^/?#]*(?=\/)/i, '')

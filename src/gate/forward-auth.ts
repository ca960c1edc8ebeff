import type { Exchange } from './exchange.js'
import type { Handler } from './extension-points.js'
import { identityLines } from './forward.js'
import { withoutOwnCookies } from './pages/cookies.js'

/**
 * Tells a proxy that a request may pass: 200 with the user, and with the client's cookies without the gate's own, for proxies that
 * cannot remove single cookies. Refusals are the same as for a client, so that the proxy can pass them on.
 */
export const confirm: Handler = (exchange, principal) => {
  const identity = principal === undefined ? '' : identityLines(principal)
  const { cookie } = exchange.headers
  const others = cookie === undefined ? undefined : withoutOwnCookies(cookie)
  exchange.confirm(others === undefined ? identity : `${identity}Cookie: ${others}\r\n`)
}

const METHOD_HEADERS = ['x-forwarded-method', 'x-original-method']
const TARGET_HEADERS = ['x-forwarded-uri', 'x-original-uri', 'x-original-url']

/**
 * The request that a proxy asks about. Caddy and Traefik describe it in X-Forwarded-Method and -Uri, nginx in the headers of
 * its configuration; Envoy uses the same method and target for its own request. Undefined if headers contradict each other,
 * because the proxy let a client's own headers through.
 */
export function originalRequest(
  exchange: Pick<Exchange, 'method' | 'target' | 'headers'>,
): { readonly method: string; readonly target: string } | undefined {
  const methods = exchange.headers.valuesOf(METHOD_HEADERS)
  const targets = exchange.headers.valuesOf(TARGET_HEADERS).map(originForm)
  if (methods.length === 0 && targets.length === 0) return exchange
  const [method] = methods
  const [target] = targets
  if (method === undefined || target === undefined) return undefined
  if (methods.some((each) => each !== method) || targets.some((each) => each !== target)) return undefined
  return /^[A-Za-z-]+$/.test(method) && /^\/\S*$/.test(target) ? { method, target } : undefined
}

/** Whether a proxy asks about another request, rather than passing on one for the gate itself. */
export const isQuestion = ({ headers }: Pick<Exchange, 'headers'>): boolean =>
  headers.valuesOf([...METHOD_HEADERS, ...TARGET_HEADERS]).length > 0

/** Path and query of a URL, since ingress-nginx sends whole URLs. */
const originForm = (target: string): string => target.replace(/^https?:\/\/[^/?#]*(?=\/)/i, '')

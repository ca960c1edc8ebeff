// Recognizes requests that a page of another origin makes a browser send. The browser adds its saved login for the
// gate, so the page could act as the user (cross-site request forgery). Fetch Metadata (Sec-Fetch-Site) states where a request
// comes from, but browsers send it only over HTTPS and to localhost; otherwise Origin is used. Pages can forge neither, and
// programs send neither.

export interface BrowserHeaders {
  readonly fetchSite: string | undefined
  readonly origin: string | undefined
}

/** `same`: from a page of the gate's own origin, or typed by the user. `unknown`: the request has neither header. */
export type Site = 'same' | 'other' | 'unknown'

/**
 * Determines where a request comes from.
 *
 * @param hosts names, with ports, by which the client may have reached the gate
 * @param proto the client's protocol; `http` may also mean that an untrusted proxy terminates TLS
 */
export function siteOf(
  { fetchSite, origin }: BrowserHeaders,
  hosts: readonly (string | undefined)[],
  proto: string,
): Site {
  if (fetchSite !== undefined) return fetchSite === 'same-origin' || fetchSite === 'none' ? 'same' : 'other'
  if (origin === undefined) return 'unknown'
  return isOwn(origin, hosts, proto) ? 'same' : 'other'
}

/** An origin's scheme, host and port (RFC 6454, section 6.2); `null` and lists of several have none. */
const ORIGIN = /^(https?):\/\/([^\s/?#@,]+)$/i

function isOwn(origin: string, hosts: readonly (string | undefined)[], proto: string): boolean {
  const [, scheme = '', host = ''] = ORIGIN.exec(origin) ?? []
  if (host === '' || (proto === 'https' && scheme.toLowerCase() !== 'https')) return false
  const own = authority(host, scheme)
  return hosts.some((each) => each !== undefined && authority(each, scheme) === own)
}

/** `host` in lower case, without the default port of `scheme`. */
function authority(host: string, scheme: string): string {
  const usual = scheme.toLowerCase() === 'https' ? ':443' : ':80'
  const lower = host.toLowerCase()
  return lower.endsWith(usual) ? lower.slice(0, -usual.length) : lower
}

/** Parses an origin: a scheme, a host and optionally a port. Undefined if it is invalid. */
export function parseOrigin(text: string): string | undefined {
  const [, scheme = '', host = ''] = ORIGIN.exec(text) ?? []
  if (host === '' || !URL.canParse(text)) return undefined
  return new URL(`${scheme}://${host}`).origin
}

/** Whether a request is a CORS preflight. By definition, preflights carry no login. */
export const isPreflight = (
  method: string,
  origin: string | undefined,
  asksFor: string | undefined,
): boolean => method === 'OPTIONS' && origin !== undefined && asksFor !== undefined

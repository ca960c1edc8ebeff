// Requests that a page of another origin has a browser send. The browser adds the login that it remembers for the gate, so
// the page could act in the user's name (cross-site request forgery). Fetch Metadata (Sec-Fetch-Site) says where a
// request comes from; browsers send it to HTTPS and localhost only, so that elsewhere Origin has to do. Both are out of a
// page's reach. Programs send neither.

export interface BrowserHeaders {
  readonly fetchSite: string | undefined
  readonly origin: string | undefined
}

/** `same`: a page of the gate's own origin, or the user. `unknown`: not a browser, or one that has no reason to say. */
export type Site = 'same' | 'other' | 'unknown'

/**
 * Where a request comes from.
 *
 * @param hosts names, with their ports, that the client may have reached the gate by
 * @param proto what the client speaks, as far as is known: a proxy that is not trusted may have ended TLS before `http`
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

/** `host` in lower case, without the port that `scheme` has by default. */
function authority(host: string, scheme: string): string {
  const usual = scheme.toLowerCase() === 'https' ? ':443' : ':80'
  const lower = host.toLowerCase()
  return lower.endsWith(usual) ? lower.slice(0, -usual.length) : lower
}

/** Reads an origin of an option: a scheme, a host and maybe a port. Undefined if it is none. */
export function parseOrigin(text: string): string | undefined {
  const [, scheme = '', host = ''] = ORIGIN.exec(text) ?? []
  if (host === '' || !URL.canParse(text)) return undefined
  return new URL(`${scheme}://${host}`).origin
}

/** Whether a request is a CORS preflight: a question about another request, which carries no login by definition. */
export const isPreflight = (
  method: string,
  origin: string | undefined,
  asksFor: string | undefined,
): boolean => method === 'OPTIONS' && origin !== undefined && asksFor !== undefined

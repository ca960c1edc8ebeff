import { isLoopback } from '../../auth/providers/oidc/http.js'
import type { PageRequest } from './page.js'

// The name and scheme under which users have opened the gate. Links and cookies depend on them.

/** The path prefix of the gate's own pages. */
export const BASE = '/.htgate'

export interface Site {
  /** `https://mlflow.example.org`. */
  readonly origin: string
  /** The URL that the issuer redirects browsers back to. */
  readonly redirectUri: string
  /** Whether cookies can be limited to HTTPS. */
  readonly isSecure: boolean
}

const HOST = /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i

/**
 * The site of a request; undefined if no cookie would be safe: over plain HTTP from another machine.
 * @param redirectUrl the configured URL, which takes precedence over headers
 */
export function siteOf(
  { host, proto }: Pick<PageRequest, 'host' | 'proto'>,
  redirectUrl?: URL,
): Site | undefined {
  if (redirectUrl) {
    const isSecure = redirectUrl.protocol === 'https:'
    if (!isSecure && !isLoopback(redirectUrl.hostname)) return undefined
    return { origin: redirectUrl.origin, redirectUri: redirectUrl.href, isSecure }
  }
  if (host === undefined) return undefined
  const key = `${proto}://${host}`
  if (known.has(key)) return known.get(key)
  const site = parseSite(proto, host)
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(key, site)
  return site
}

/** Sites by scheme and host: each request with a session needs its site, and parsing a URL is slow. */
const known = new Map<string, Site | undefined>()
const MAX_KNOWN = 100

function parseSite(proto: string, host: string): Site | undefined {
  if (!HOST.test(host) || !URL.canParse(`${proto}://${host}`)) return undefined
  const { origin, hostname } = new URL(`${proto}://${host}`)
  if (proto === 'http' && !isLoopback(hostname)) return undefined
  return { origin, redirectUri: `${origin}${BASE}/callback`, isSecure: proto === 'https' }
}

import { isLoopback } from '../../auth/providers/oidc/http.js'
import type { PageRequest } from './page.js'

// Under which name and scheme people have opened the gate: links to it, and cookies, follow from that.

/** What the gate keeps for itself. */
export const BASE = '/.htgate'

export interface Site {
  /** `https://mlflow.example.org`. */
  readonly origin: string
  /** Where an issuer sends the browser back to. */
  readonly redirectUri: string
  /** Whether cookies can be limited to HTTPS. */
  readonly isSecure: boolean
}

const HOST = /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i

/**
 * The site of a request; undefined where no cookie would be safe: plain HTTP, by another machine.
 * @param redirectUrl what the operator says, which counts more than any header
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
  if (host === undefined || !HOST.test(host) || !URL.canParse(`${proto}://${host}`)) return undefined
  const { origin, hostname } = new URL(`${proto}://${host}`)
  if (proto === 'http' && !isLoopback(hostname)) return undefined
  return { origin, redirectUri: `${origin}${BASE}/callback`, isSecure: proto === 'https' }
}

import type { Finding } from '../../auth/provider.js'
import { isLoopback } from '../../auth/providers/oidc/http.js'
import { type Address, printAddress } from '../../system/address.js'
import type { Settings } from '../options/index.js'

/**
 * Warns if passwords cross the network in plain text. With `--trust-proxy`, that proxy is assumed to terminate TLS.
 * @param addresses the addresses that htgate listens on
 */
export function plainHttpFindings(settings: Settings, addresses: readonly Address[]): Finding[] {
  const { tlsCert, trustProxy } = settings
  if (tlsCert !== undefined || !trustProxy.none) return []
  const open = addresses.filter((address) => 'port' in address && !isLocal(address.host))
  if (open.length === 0) return []
  return [
    {
      state: 'warning',
      text: `clients send passwords and tokens in plain text to ${open.map(printAddress).join(', ')} (plain HTTP)`,
      hint: 'serve HTTPS with --tls-cert and --tls-key, or trust the proxy that does with --trust-proxy',
    },
  ]
}

/** Warns if session cookies cannot be limited to HTTPS. */
export function plainCookieFindings(settings: Settings): Finding[] {
  const { tlsCert, trustProxy, oidcIssuer, oidcRedirectUrl } = settings
  if (oidcIssuer === undefined || tlsCert !== undefined) return []
  if (oidcRedirectUrl === undefined ? !trustProxy.none : oidcRedirectUrl.protocol === 'https:') return []
  return [
    {
      state: 'warning',
      text: 'over plain HTTP, only browsers on this machine (localhost) can log in with OpenID Connect, and the session cookie is not Secure',
      hint: 'serve HTTPS with --tls-cert and --tls-key, or trust the proxy that does with --trust-proxy',
    },
  ]
}

const isLocal = (host: string | undefined): boolean =>
  host !== undefined && isLoopback(host.includes(':') ? `[${host}]` : host)

import { type Fetch, issuerFetch } from './http.js'
import { Issuer, type IssuerEvent } from './issuer.js'
import type { OidcSettings } from './options.js'
import { OidcProvider } from './provider.js'

export interface Issuers {
  readonly provider: OidcProvider
  /** The issuer where users log in, if any. */
  readonly main: Issuer | undefined
  readonly fetch: Fetch
}

/**
 * Creates a provider for the bearer tokens of issuers. `provider.start` reaches for the issuers. Those with the same URL share
 * metadata and keys.
 */
export function createIssuers(
  { main, trusts, ca }: OidcSettings,
  onEvent: (event: IssuerEvent) => void,
): Issuers {
  const fetch = issuerFetch(ca)
  const issuers = new Map<string, Issuer>()
  const issuerAt = (url: string): Issuer => {
    const issuer = issuers.get(url) ?? new Issuer({ url, fetch, onEvent })
    issuers.set(url, issuer)
    return issuer
  }
  const provider = new OidcProvider({
    main: main && { ...main, issuer: issuerAt(main.issuer) },
    trusts: trusts.map((trust) => ({ issuer: issuerAt(trust.issuer), trust })),
    fetch,
  })
  return { provider, main: main && issuerAt(main.issuer), fetch }
}

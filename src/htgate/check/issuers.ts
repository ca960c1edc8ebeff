import type { Finding } from '../../auth/provider.js'
import { Issuer, IssuerDown } from '../../auth/providers/oidc/issuer.js'
import type { Settings } from '../options/index.js'
import { browserLoginOf, fetchOf } from '../pages.js'
import { readSessionSecrets } from '../session-secrets.js'
import type { Area } from './report.js'

/** The issuers, and what logins at them require. */
export function issuerAreas(settings: Settings): Area[] {
  const { oidcIssuer, oidcTrust, sessionSecretFile } = settings
  const areas: Area[] = []
  if (oidcIssuer !== undefined) {
    areas.push({ name: '--oidc-issuer', check: () => checkIssuer(settings, oidcIssuer) })
    areas.push({ name: '--oidc-client-id', check: () => checkClient(settings, oidcIssuer) })
    areas.push({ name: '--oidc-redirect-url', check: async () => [redirectFinding(settings)] })
    areas.push({ name: '--oidc-audience', check: async () => [audienceFinding(settings)] })
  }
  for (const url of new Set(oidcTrust.map(({ issuer }) => issuer))) {
    areas.push({ name: '--oidc-trust', check: () => issuerAt(settings, url, (issuer) => issuer.check()) })
  }
  if (sessionSecretFile !== undefined) {
    const check = async (): Promise<readonly Finding[]> => {
      const { length } = readSessionSecrets(sessionSecretFile)
      const secrets = length === 1 ? 'a secret' : `${length} secrets`
      return [{ state: 'works', text: `${sessionSecretFile} has ${secrets} for sessions` }]
    }
    areas.push({ name: '--session-secret-file', check })
  }
  return areas
}

async function checkIssuer(settings: Settings, url: string): Promise<readonly Finding[]> {
  return issuerAt(settings, url, async (issuer) => {
    const findings = await issuer.check()
    const { metadata } = issuer
    if (metadata === undefined) return findings
    const lacks = (['authorization_endpoint', 'token_endpoint'] as const).filter((name) => !metadata[name])
    for (const name of lacks) findings.push({ state: 'fails', text: `${url} has no ${name}` })
    const methods = metadata.code_challenge_methods_supported
    if (Array.isArray(methods) && !methods.includes('S256')) {
      findings.push({ state: 'warning', text: `${url} does not offer PKCE with S256` })
    }
    return findings
  })
}

function checkClient(settings: Settings, url: string): Promise<readonly Finding[]> {
  const redirectUri = settings.oidcRedirectUrl?.href ?? 'https://localhost/.htgate/callback'
  return issuerAt(settings, url, async (issuer) => {
    const login = await browserLoginOf(settings, issuer)
    try {
      return [await login.check(redirectUri)]
    } catch (error) {
      if (error instanceof IssuerDown) return [] // Already reported under --oidc-issuer.
      throw error
    }
  })
}

async function issuerAt<T>(settings: Settings, url: string, use: (issuer: Issuer) => Promise<T>): Promise<T> {
  const issuer = new Issuer({ url, fetch: fetchOf(settings) })
  try {
    return await use(issuer)
  } finally {
    issuer.close()
  }
}

function redirectFinding({ oidcRedirectUrl, tlsCert, trustProxy }: Settings): Finding {
  const register = 'must be registered at the issuer'
  if (oidcRedirectUrl !== undefined) return { state: 'works', text: `${oidcRedirectUrl.href} ${register}` }
  if (tlsCert === undefined && trustProxy.none) {
    return {
      state: 'warning',
      text: 'without HTTPS, users can log in only on this machine (localhost)',
      hint: 'serve HTTPS with --tls-cert and --tls-key, or trust the proxy that does with --trust-proxy',
    }
  }
  return {
    state: 'works',
    text: `https://HOST/.htgate/callback ${register}, with the host that browsers open`,
  }
}

const audienceFinding = ({ oidcAudience }: Settings): Finding => ({
  state: 'works',
  text:
    oidcAudience.length === 0
      ? 'not set: bearer tokens of the issuer are rejected'
      : `accepting bearer tokens for ${oidcAudience.join(', ')}`,
})

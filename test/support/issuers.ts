import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import Provider from 'oidc-provider'
import { onTestFinished } from 'vitest'
import { environment } from './environment.js'
import { lackingPeers, peer } from './peers.js'
import { freePort } from './servers.js'
import { until } from './until.js'
import type { Page, WebClient } from './web-client.js'

// Real issuers, each with the same client and users.

export interface IssuerUser {
  readonly password: string
  readonly groups: readonly string[]
}

export interface IssuerSettings {
  readonly redirectUris: readonly string[]
  readonly logoutUris?: readonly string[]
  /** Where it sends back-channel logouts; only supported by oidc-provider. */
  readonly backchannelLogoutUri?: string
  readonly users: Record<string, IssuerUser>
}

export interface RealIssuer {
  readonly name: string
  readonly url: string
  /** Fills in its login page, which a client was redirected to, and returns the page after it. */
  logIn(client: WebClient, page: Page, user: string, password: string): Promise<Page>
  /** An access token for a program, by the client credentials grant. */
  programToken(): Promise<string>
  stop(): Promise<void>
}

export const CLIENT_ID = 'mlflow'
export const CLIENT_SECRET = 'a-secret-of-the-client-0123456789'
export const AUDIENCE = 'mlflow-api'

const basic = `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}`

async function clientCredentials(endpoint: string, fields: Record<string, string>): Promise<string> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: basic },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...fields }),
  })
  const { access_token: token } = (await response.json()) as { access_token?: string }
  if (token === undefined) throw new Error(`no token: ${response.status}`)
  return token
}

/** Starts Node's oidc-provider in this process, and stops it after the test. Its users can be changed while it runs. */
export async function startOidcProvider(settings: IssuerSettings): Promise<RealIssuer> {
  const issuer = await openOidcProvider(settings)
  onTestFinished(issuer.stop)
  return issuer
}

/** The same, but it runs until it is stopped. */
export async function openOidcProvider(settings: IssuerSettings): Promise<RealIssuer> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const { warn } = console
  console.warn = () => {} // It warns that it is not for production.
  const provider = new Provider(url, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [...settings.redirectUris],
        post_logout_redirect_uris: [...(settings.logoutUris ?? [])],
        ...(settings.backchannelLogoutUri === undefined
          ? {}
          : {
              backchannel_logout_uri: settings.backchannelLogoutUri,
              backchannel_logout_session_required: true,
            }),
        grant_types: ['authorization_code', 'client_credentials'],
        response_types: ['code'],
      },
    ],
    scopes: ['openid', 'profile', 'use'],
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['a-key-of-the-issuer'] },
    findAccount: (_, id) => {
      const user = settings.users[id]
      if (user === undefined) return undefined
      return { accountId: id, claims: () => ({ sub: id, preferred_username: id, groups: [...user.groups] }) }
    },
    features: {
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: 'use',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    ttl: {
      Session: 3600,
      Interaction: 3600,
      Grant: 3600,
      AccessToken: 300,
      IdToken: 300,
      ClientCredentials: 300,
    },
    renderError: (context, _, error) => {
      context.type = 'html'
      context.body = `error ${error.message}`
    },
  })
  console.warn = warn
  const server = createServer(provider.callback())
  await once(server.listen(port, '127.0.0.1'), 'listening')
  const stop = async () => {
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  return {
    name: 'oidc-provider',
    url,
    async logIn(client, page, user, password) {
      let next = await client.submit(page, { login: user, password })
      // Asks for consent.
      if (next.url.startsWith(`${url}/interaction/`)) next = await client.submit(next)
      return next
    },
    programToken: () => clientCredentials(`${url}/token`, { resource: 'urn:mlflow', scope: 'use' }),
    stop,
  }
}

const ZITADEL = fileURLToPath(new URL('../issuers/zitadel', import.meta.url))

/** The programs that the Go issuer needs and that are missing here. */
export const goMissing = (): string[] => (peer('zitadel-issuer') ? [] : lackingPeers('go'))

let built: Promise<string> | undefined

/** Builds it once, unless scripts/install-peers.sh has done so. */
async function zitadelIssuer(): Promise<string> {
  const installed = peer('zitadel-issuer')
  if (installed !== undefined) return installed
  built ??= (async () => {
    const path = `/tmp/htgate-zitadel-issuer-${process.pid}`
    const child = spawn(peer('go') as string, ['build', '-o', path, '.'], { cwd: ZITADEL, stdio: 'inherit' })
    const [status] = await once(child, 'close')
    if (status !== 0) throw new Error('go build failed')
    return path
  })()
  return built
}

/** Starts github.com/zitadel/oidc as a process, and stops it after the test. */
export async function startZitadel(settings: IssuerSettings): Promise<RealIssuer> {
  const command = await zitadelIssuer()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const child = spawn(command, ['-listen', `127.0.0.1:${port}`], {
    env: environment,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  onTestFinished(stop)
  for (const stream of [child.stdin, child.stdout]) stream.on('error', () => {})
  child.stdin.end(JSON.stringify({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, ...settings }))
  await once(child.stdout, 'data')
  await until(() =>
    fetch(url).then(
      () => true,
      () => false,
    ),
  )
  return {
    name: 'zitadel',
    url,
    logIn: (client, page, user, password) => client.submit(page, { username: user, password }),
    programToken: () => clientCredentials(`${url}/oauth/token`, { scope: 'openid' }),
    stop,
  }
}

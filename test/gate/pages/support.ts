import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../support/folder.js'
import { type Gate, passwordFile, startGate, startUpstream, type Upstream } from '../../support/gate.js'
import {
  AUDIENCE,
  CLIENT_ID,
  CLIENT_SECRET,
  goMissing,
  type IssuerSettings,
  type IssuerUser,
  type RealIssuer,
  startOidcProvider,
  startZitadel,
} from '../../support/issuers.js'
import { freePort } from '../../support/servers.js'
import { type Page, WebClient } from '../../support/web-client.js'

export const ISSUERS = [
  { name: 'oidc-provider', start: startOidcProvider, missing: [] as string[] },
  { name: 'zitadel', start: startZitadel, missing: goMissing() },
]

export interface Lab {
  readonly gate: Gate
  readonly issuer: RealIssuer
  readonly upstream: Upstream
  readonly users: Record<string, IssuerUser>
  readonly tokenFile: string
  readonly secretFile: string
  /** The arguments of the gate, to start another like it. */
  readonly args: readonly string[]
  /** Opens `path` in a new browser, and logs in. */
  logIn(path?: string, user?: string): Promise<{ client: WebClient; page: Page }>
}

export interface LabOptions {
  readonly start?: (settings: IssuerSettings) => Promise<RealIssuer>
  readonly args?: readonly string[]
  readonly file?: string
  /** Whether the issuer is up when the gate starts. Default true. */
  readonly forwardAuth?: boolean
}

/** A gate with an issuer in front of a server; ann may write, bob may read, and alice has a password. */
export async function startLab({
  start = startOidcProvider,
  args = [],
  file,
  forwardAuth,
}: LabOptions = {}): Promise<Lab> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const users = {
    ann: { password: 'ann-pw', groups: ['ml-team', 'other'] },
    bob: { password: 'bob-pw', groups: ['guests'] },
  }
  const issuer = await start({
    redirectUris: [`${url}/.htgate/callback`],
    logoutUris: [`${url}/.htgate/logged-out`],
    backchannelLogoutUri: `${url}/.htgate/backchannel-logout`,
    users,
  })
  const upstream = await startUpstream()
  const folder = temporaryFolder()
  const [secret, session, tokenFile] = ['client', 'session', 'tokens'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(secret, `${CLIENT_SECRET}\n`)
  writeFileSync(session, 'a session secret of more than 32 characters\n')
  const all = [
    ...['--oidc-issuer', issuer.url, '--oidc-client-id', CLIENT_ID, '--oidc-client-secret-file', secret],
    ...['--oidc-audience', AUDIENCE, '--session-secret-file', session, '--token-file', tokenFile],
    ...['--app', 'none', '--readers', '*', '--writers', 'group:ml-team', '--writers', 'user:alice'],
    ...args,
  ]
  const gate = await startGate({
    ...(forwardAuth ? {} : { upstream: upstream.url }),
    file: file ?? passwordFile(),
    args: all,
    listen: `127.0.0.1:${port}`,
  })
  const logIn = async (path = '/', user = 'ann') => {
    const client = new WebClient()
    const login = await client.open(url + path)
    const page = await issuer.logIn(client, login, user, `${user}-pw`)
    return { client, page }
  }
  return { gate, issuer, upstream, users, tokenFile, secretFile: session, args: all, logIn }
}

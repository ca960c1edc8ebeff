import { readFileSync } from 'node:fs'
import { bearerChallenge, challenge, challengesOf } from '../auth/challenge.js'
import type { Principal } from '../auth/principal.js'
import type { Provider } from '../auth/provider.js'
import { CertificateProvider } from '../auth/providers/certificate/provider.js'
import type { BrowserLogin } from '../auth/providers/oidc/browser-login.js'
import { type Fetch, issuerFetch } from '../auth/providers/oidc/http.js'
import type { Issuers } from '../auth/providers/oidc/index.js'
import type { Issuer } from '../auth/providers/oidc/issuer.js'
import { openTokens } from '../auth/providers/tokens/options.js'
import type { TokenProvider } from '../auth/providers/tokens/provider.js'
import type { Ending } from '../auth/sessions/ended.js'
import { SessionProvider } from '../auth/sessions/provider.js'
import { Seals } from '../auth/sessions/seal.js'
import { ConfiguredGroups } from '../auth/sessions/session.js'
import type { Challenges } from '../gate/gate.js'
import { AccountPages } from '../gate/pages/account.js'
import { Pages, subjectOf } from '../gate/pages/pages.js'
import type { Policy } from '../policy/policy.js'
import { reason } from '../system/errno.js'
import { readCa } from './certificates.js'
import { Exit, ExitStatus } from './exit-status.js'
import { certificatesIn } from './findings/certificates.js'
import { errors } from './messages.js'
import type { Settings } from './options/index.js'
import { readSessionSecrets } from './session-secrets.js'

// Opens issuer, sessions, tokens and pages as the settings require. OpenID Connect is loaded only if it is needed.

/** Opening a page renews a session older than this, in milliseconds, or than half its lifetime if that is shorter. */
const RENEW_AFTER = 5 * 60_000

export interface LoginEvent {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
}

export interface BrowserLogins {
  /** Providers that come before those of passwords in the chain. */
  readonly first: readonly Provider[]
  /** Providers that come after them. */
  readonly last: readonly Provider[]
  /** The challenges in `WWW-Authenticate`. */
  readonly challenges: (realm: string) => Challenges
  readonly sessions: SessionProvider | undefined
  readonly tokens: TokenProvider | undefined
  readonly certificates: CertificateProvider | undefined
  /** Creates the pages, once there is a policy. */
  readonly pages: (options: PagesContext) => Pages
  /** Reloads the files. */
  readonly reload: () => void
}

export interface PagesContext {
  readonly policy: Policy
  readonly realm: string
  /** Called with the sessions that were ended here. */
  readonly onLogout: (ending: Ending) => void
}

export interface BrowserLoginsContext {
  readonly settings: Settings
  /** The providers with accounts: password file and directory. */
  readonly accounts: readonly Provider[]
  /** A secret that all processes share. */
  readonly sharedKey: Buffer
  readonly onEvent: (event: LoginEvent) => void
}

/**
 * Opens what the settings require. An issuer that does not respond does not keep htgate from starting.
 * @throws Exit if a file cannot be used
 */
export async function openBrowserLogins(context: BrowserLoginsContext): Promise<BrowserLogins> {
  const { settings, accounts, sharedKey, onEvent } = context
  const issuers = await openIssuers(settings, onEvent)
  const oidc = issuers?.provider
  const login = issuers?.main && (await browserLoginOf(settings, issuers.main, issuers.fetch))
  const { LoginPages } = login ? await import('../gate/pages/login.js') : {}
  const groups = new ConfiguredGroups(
    [...settings.readers, ...settings.writers, ...settings.admins].flatMap((grant) =>
      grant.to === 'group' ? [grant.name] : [],
    ),
  )
  const owners = [...accounts, ...(oidc ? [oidc] : [])]
  const certificates =
    settings.clientCa === undefined
      ? undefined
      : new CertificateProvider({
          user: settings.clientCertUser as 'cn' | 'email',
          crl: settings.clientCrl,
          authorities: certificatesIn(readCa(settings.clientCa, '--client-ca')),
          onEvent,
        })
  let seals = sealsOf(settings, sharedKey)
  const sessions = login && new SessionProvider({ seals, groups, ttl: settings.sessionTtl, accounts: owners })
  const { tokenFile: file, tokenOwnerTtl: ownerTtl } = settings
  const [tokens] = await Promise.all([
    file === undefined ? undefined : openTokens({ file, ownerTtl }, owners, onEvent),
    oidc?.start(),
    certificates?.start(),
  ])

  const pages = ({ policy, realm, onLogout }: PagesContext): Pages => {
    // LoginPages needs Pages to tell login paths from pages to return to, and Pages needs LoginPages.
    let made: Pages | undefined
    const hasPasswords = accounts.length > 0
    const logins =
      login && sessions && LoginPages
        ? new LoginPages({
            login,
            sessions,
            seals: () => seals,
            redirectUrl: settings.oidcRedirectUrl,
            renewAfter: Math.min(RENEW_AFTER, settings.sessionTtl / 2),
            hasPasswords,
            isLogin: (path) => made?.isLogin(path) ?? false,
            onLogin: (principal: Principal) => tokens?.confirm(withGroups(principal, groups)),
            onFailure: (message) =>
              onEvent({ level: 'warn', message: `login at the issuer failed: ${message}` }),
            onIssuerLogout: (message) =>
              onEvent({ level: message === undefined ? 'info' : 'warn', message: issuerLogout(message) }),
          })
        : undefined
    const account = new AccountPages({
      tokens,
      roleOf: (principal) => policy.roleOf(principal),
      groupsOf: ({ groups }) => groups,
      formCode: (login) => seals.formCode(subjectOf(login)),
      canLookUp: (name) =>
        accounts.some((provider) => provider.name === name && provider.account !== undefined),
      logoutOrigins: () => logins?.logoutOrigins ?? [],
      serverName: policy.profile.title,
    })
    made = new Pages({
      logins,
      account,
      seals: () => seals,
      redirectUrl: settings.oidcRedirectUrl,
      basicChallenge: hasPasswords ? challenge(realm) : undefined,
      onLogout,
    })
    return made
  }

  const reload = () => {
    void tokens?.reload().catch(() => {})
    void certificates?.reload().catch(() => {})
    if (sessions === undefined) return
    try {
      seals = sealsOf(settings, sharedKey)
      sessions.renewSeals(seals)
      onEvent({ level: 'info', message: `${settings.sessionSecretFile}: session secrets reloaded` })
    } catch (error) {
      onEvent({ level: 'error', message: `${(error as Error).message}; keeping the old session secrets` })
    }
  }
  const first = [sessions, tokens].filter((provider) => provider !== undefined)
  const last = [oidc, certificates].filter((provider) => provider !== undefined)
  const challenges = (realm: string): Challenges => {
    const all = challengesOf(realm, [...first, ...accounts, ...last])
    return { all, quiet: sessions ? [bearerChallenge(realm)] : all }
  }
  return {
    first,
    last,
    certificates,
    challenges,
    sessions,
    tokens,
    pages,
    reload,
  }
}

async function openIssuers(
  settings: Settings,
  onEvent: (event: LoginEvent) => void,
): Promise<Issuers | undefined> {
  const { oidcIssuer, oidcClientId, oidcAudience, oidcAllowedClient, oidcTrust } = settings
  if (oidcIssuer === undefined && oidcTrust.length === 0) return undefined
  const main =
    oidcIssuer === undefined
      ? undefined
      : {
          issuer: oidcIssuer,
          clientId: oidcClientId,
          audiences: oidcAudience,
          clients: oidcAllowedClient,
          claims: claimsOf(settings),
        }
  const { createIssuers } = await import('../auth/providers/oidc/index.js')
  return createIssuers({ main, trusts: oidcTrust, ca: caOf(settings) }, onEvent)
}

/** @throws Exit for a client secret that cannot be read */
export async function browserLoginOf(
  settings: Settings,
  issuer: Issuer,
  fetch = fetchOf(settings),
): Promise<BrowserLogin> {
  const { BrowserLogin } = await import('../auth/providers/oidc/browser-login.js')
  const { oidcClientId, oidcClientSecretFile: secretFile } = settings
  return new BrowserLogin({
    issuer,
    fetch,
    clientId: oidcClientId as string,
    clientSecret: secretFile === undefined ? undefined : firstLineOf('--oidc-client-secret-file', secretFile),
    scope: settings.oidcScope,
    claims: claimsOf(settings),
  })
}

const claimsOf = ({ oidcUserClaim, oidcGroupsClaim }: Settings) => ({
  user: oidcUserClaim,
  groups: oidcGroupsClaim,
})

export const fetchOf = (settings: Settings): Fetch => issuerFetch(caOf(settings))

/** @throws Exit for authorities that cannot be read or are not valid */
const caOf = ({ oidcCa }: Settings): string | undefined =>
  oidcCa === undefined ? undefined : readCa(oidcCa, '--oidc-ca').toString()

/** Without a secret file, the seals use the processes' shared key, and are valid only while they run. */
function sealsOf({ sessionSecretFile: path, oidcIssuer, oidcClientId }: Settings, sharedKey: Buffer): Seals {
  const secrets = path === undefined ? [sharedKey.toString('base64')] : readSessionSecrets(path)
  return new Seals(secrets, `${oidcIssuer ?? ''}\n${oidcClientId ?? ''}`)
}

function firstLineOf(option: string, path: string): string {
  const line = read(option, path).split('\n', 1)[0]?.trim() ?? ''
  if (line === '') throw new Exit(ExitStatus.failed, `${option}: the first line of ${path} is empty`)
  return line
}

function read(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw errors.cannotRead(option, path, reason(error as Error))
  }
}

const issuerLogout = (flaw: string | undefined): string =>
  flaw === undefined ? 'the issuer ended sessions' : `back-channel logout refused: ${flaw}`

const withGroups = (principal: Principal, configured: ConfiguredGroups): Principal => ({
  ...principal,
  groups: principal.groups.filter((group) => configured.names.includes(group)),
})

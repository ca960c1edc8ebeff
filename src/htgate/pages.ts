import { readFileSync } from 'node:fs'
import { bearerChallenge, challenge } from '../auth/challenge.js'
import type { Principal } from '../auth/principal.js'
import type { Provider } from '../auth/provider.js'
import { CertificateProvider } from '../auth/providers/certificate/provider.js'
import { BrowserLogin } from '../auth/providers/oidc/browser-login.js'
import { type Fetch, issuerFetch } from '../auth/providers/oidc/http.js'
import { Issuer } from '../auth/providers/oidc/issuer.js'
import { OidcProvider } from '../auth/providers/oidc/provider.js'
import { TokenProvider } from '../auth/providers/tokens/provider.js'
import type { Ending } from '../auth/sessions/ended.js'
import { SessionProvider } from '../auth/sessions/provider.js'
import { Seals } from '../auth/sessions/seal.js'
import { ConfiguredGroups } from '../auth/sessions/session.js'
import type { Challenges } from '../gate/gate.js'
import { AccountPages } from '../gate/pages/account.js'
import { LoginPages } from '../gate/pages/login.js'
import { Pages, subjectOf } from '../gate/pages/pages.js'
import type { Policy } from '../policy/policy.js'
import { reason } from '../system/errno.js'
import { readCa } from './certificates.js'
import { Exit, ExitStatus } from './exit-status.js'
import { certificatesIn } from './findings/certificates.js'
import { errors } from './messages.js'
import type { Settings } from './options/index.js'
import { readSessionSecrets } from './session-secrets.js'

// Opens issuer, sessions, tokens and pages as the settings require.

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
 * Opens what the settings require. An issuer that does not answer does not keep htgate from starting.
 * @throws Exit if a file cannot be used
 */
export async function openBrowserLogins(context: BrowserLoginsContext): Promise<BrowserLogins> {
  const { settings, accounts, sharedKey, onEvent } = context
  const issuer = openIssuer(settings, onEvent)
  const oidc = openOidc(settings, issuer, onEvent)
  const groups = new ConfiguredGroups(
    [...settings.readers, ...settings.writers, ...settings.admins].flatMap((grant) =>
      grant.to === 'group' ? [grant.name] : [],
    ),
  )
  const owners = [...accounts, ...(oidc ? [oidc] : [])]
  const tokens =
    settings.tokenFile === undefined
      ? undefined
      : new TokenProvider({
          file: settings.tokenFile,
          accounts: owners,
          ownerTtl: settings.tokenOwnerTtl,
          onEvent,
        })
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
  const sessions =
    issuer && new SessionProvider({ seals, groups, ttl: settings.sessionTtl, accounts: owners })
  await Promise.all([oidc?.start(), tokens?.start(), certificates?.start()])

  const pages = ({ policy, realm, onLogout }: PagesContext): Pages => {
    // LoginPages needs Pages to tell login paths from pages to return to, and Pages needs LoginPages.
    let made: Pages | undefined
    const hasPasswords = accounts.length > 0
    const logins =
      issuer && sessions
        ? new LoginPages({
            login: issuer.login,
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
  const challenges = (realm: string): Challenges => {
    const takesBasic = accounts.length > 0 || tokens !== undefined
    const takesBearer =
      tokens !== undefined || settings.oidcAudience.length > 0 || settings.oidcTrust.length > 0
    const basic = takesBasic ? [challenge(realm)] : []
    // RFC 9110 section 11.6.1 requires a challenge in every 401.
    const bearer = takesBearer || !takesBasic ? [bearerChallenge(realm)] : []
    const all = [...basic, ...bearer]
    return { all, quiet: sessions ? [bearerChallenge(realm)] : all }
  }
  return {
    first,
    last: [oidc, certificates].filter((provider) => provider !== undefined),
    certificates,
    challenges,
    sessions,
    tokens,
    pages,
    reload,
  }
}

function openIssuer(
  settings: Settings,
  onEvent: (event: LoginEvent) => void,
): { readonly issuer: Issuer; readonly login: BrowserLogin; readonly fetch: Fetch } | undefined {
  const { oidcIssuer: url } = settings
  if (url === undefined) return undefined
  const fetch = fetchOf(settings)
  const issuer = new Issuer({ url, fetch, onEvent })
  return { issuer, login: browserLoginOf(settings, issuer, fetch), fetch }
}

/** @throws Exit for a client secret that cannot be read */
export function browserLoginOf(settings: Settings, issuer: Issuer, fetch = fetchOf(settings)): BrowserLogin {
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

function openOidc(
  settings: Settings,
  main: ReturnType<typeof openIssuer>,
  onEvent: (event: LoginEvent) => void,
): OidcProvider | undefined {
  if (main === undefined && settings.oidcTrust.length === 0) return undefined
  const fetch = main?.fetch ?? fetchOf(settings)
  const issuers = new Map<string, Issuer>(main ? [[main.issuer.url, main.issuer]] : [])
  const issuerAt = (url: string): Issuer => {
    const issuer = issuers.get(url) ?? new Issuer({ url, fetch, onEvent })
    issuers.set(url, issuer)
    return issuer
  }
  return new OidcProvider({
    main: main && {
      issuer: main.issuer,
      clientId: settings.oidcClientId as string,
      audiences: settings.oidcAudience,
      clients: settings.oidcAllowedClient,
      claims: claimsOf(settings),
    },
    trusts: settings.oidcTrust.map((trust) => ({ issuer: issuerAt(trust.issuer), trust })),
    fetch,
  })
}

const claimsOf = ({ oidcUserClaim, oidcGroupsClaim }: Settings) => ({
  user: oidcUserClaim,
  groups: oidcGroupsClaim,
})

/** @throws Exit for authorities that cannot be read */
export const fetchOf = ({ oidcCa }: Settings): Fetch =>
  issuerFetch(oidcCa === undefined ? undefined : read('--oidc-ca', oidcCa))

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

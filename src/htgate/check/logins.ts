import { randomBytes } from 'node:crypto'
import type { AuthEvent } from '../../auth/events.js'
import { LoginPipeline, type Refusal } from '../../auth/login-pipeline.js'
import type { Finding, Provider } from '../../auth/provider.js'
import { GroupFile } from '../../policy/group-file.js'
import { Policy } from '../../policy/policy.js'
import { reason } from '../../system/errno.js'
import { flagOf } from '../options/declaration.js'
import type { Settings } from '../options/index.js'
import { openBrowserLogins } from '../pages.js'
import { openProviders } from '../providers.js'
import { type Area, failure } from './report.js'

/** A login to test. */
export interface Login {
  readonly user: string
  readonly password: Buffer
}

/** The providers, in the order of the chain, and a login through them. */
export async function loginAreas(
  settings: Settings,
  login: Login | undefined,
): Promise<{ readonly areas: Area[]; close(): Promise<void> }> {
  const events: AuthEvent[] = []
  const groupFile = await openGroups(settings.groupFile)
  let accounts: readonly Provider[] = []
  try {
    const context = {
      settings,
      standInKey: randomBytes(32),
      groups: groupFile,
      onEvent: (event: AuthEvent) => void events.push(event),
    }
    accounts = (await openProviders(context)).map(({ provider }) => provider)
  } catch (error) {
    return {
      areas: [{ name: 'logins', check: async () => [failure(error)] }],
      close: async () => groupFile?.close(),
    }
  }
  const providers = await withOthers(settings, accounts)
  const pipeline = new LoginPipeline({ providers })
  const areas = providers
    .filter(({ name }) => OPTIONS[name] !== undefined)
    .map((provider): Area => ({ name: optionOf(provider), check: () => findingsOf(provider, events) }))
  if (login !== undefined) {
    const check = () => tryLogin({ settings, groupFile, pipeline, events, login })
    areas.push({ name: `--user ${login.user}`, check })
  }
  return {
    areas,
    async close() {
      await pipeline.close()
      await groupFile?.close()
    },
  }
}

/** All providers, in the order of the chain. If the others cannot be opened, other areas report why. */
async function withOthers(settings: Settings, accounts: readonly Provider[]): Promise<readonly Provider[]> {
  const context = { settings, accounts, sharedKey: randomBytes(32), onEvent() {} }
  const others = await openBrowserLogins(context).catch(() => undefined)
  return [...(others?.first ?? []), ...accounts, ...(others?.last ?? [])]
}

/** Opens the group file once more, to report a failure as a finding. */
export function groupFileAreas({ groupFile: path }: Settings): Area[] {
  if (path === undefined) return []
  return [{ name: '--group-file', check: () => checkGroupFile(path) }]
}

async function checkGroupFile(path: string): Promise<readonly Finding[]> {
  let finding: Finding = { state: 'fails', text: `cannot read ${path}` }
  const file = await GroupFile.open(path, {
    loaded({ size }) {
      finding = { state: 'works', text: `${path}: ${size} user${size === 1 ? '' : 's'} in groups` }
    },
    unreadable(error) {
      finding = { state: 'fails', text: `cannot read ${path}: ${reason(error)}` }
    },
  })
  await file.close()
  return [finding]
}

const openGroups = (path: string | undefined): Promise<GroupFile | undefined> =>
  path === undefined ? Promise.resolve(undefined) : GroupFile.open(path, { loaded() {}, unreadable() {} })

/** The option of each provider. Sessions and issuers have their own areas. */
const OPTIONS: Readonly<Record<string, keyof Settings>> = {
  file: 'file',
  ldap: 'ldapUrl',
  token: 'tokenFile',
  certificate: 'clientCa',
}

const optionOf = ({ name }: Provider): string => flagOf(OPTIONS[name] as keyof Settings)

async function findingsOf(provider: Provider, events: readonly AuthEvent[]): Promise<readonly Finding[]> {
  if (provider.check) return provider.check()
  const { ready, detail } = provider.status()
  if (!ready) return [{ state: 'fails', text: detail ?? 'not ready' }]
  return events
    .filter(({ type }) => OF_FILE.has(type))
    .flatMap((event): Finding[] => [
      { state: event.level === 'info' ? 'works' : 'warning', text: event.message },
      ...(event.type === 'loaded' ? contentFindings(event) : []),
    ])
}

function contentFindings({ users, weak }: Extract<AuthEvent, { type: 'loaded' }>): Finding[] {
  const findings: Finding[] = []
  if (users === 0) {
    findings.push({
      state: 'warning',
      text: 'no user can log in',
      hint: 'add one with htpasswd -B -C 10 FILE USER',
    })
  }
  if (weak.count > 0) {
    const text = `weak records: ${weak.count}; anyone who gets hold of the file can crack these passwords`
    findings.push({ state: 'warning', text, hint: 'list them with htpasswd --audit FILE' })
  }
  return findings
}

/** Events that report how many users a password file has, and which of its lines are wrong. */
const OF_FILE: ReadonlySet<AuthEvent['type']> = new Set([
  'loaded',
  'lines-skipped',
  'records-unusable',
  'records-costly',
])

interface Trial {
  readonly settings: Settings
  readonly groupFile: GroupFile | undefined
  readonly pipeline: LoginPipeline
  readonly events: AuthEvent[]
  readonly login: Login
}

async function tryLogin({
  settings,
  groupFile,
  pipeline,
  events,
  login,
}: Trial): Promise<readonly Finding[]> {
  const { user, password } = login
  events.length = 0
  const credential = { kind: 'basic', name: user, user: Buffer.from(user), password } as const
  const verdict = await pipeline.login(credential, '127.0.0.1')
  await new Promise(setImmediate) // Events are emitted asynchronously.
  const findings = events
    .filter(({ level }) => level !== 'info')
    .map(({ message }): Finding => ({ state: 'warning', text: message }))
  if (!verdict.ok) return [...findings, { state: 'fails', ...REFUSALS[verdict.reason] }]
  const { principal } = verdict
  const policy = new Policy({
    profile: settings.app,
    grants: { read: settings.readers, write: settings.writers, admin: settings.admins },
    groupFile,
  })
  const role = policy.roleOf(principal)
  const groups = principal.groups.length === 0 ? 'no groups' : `groups: ${principal.groups.join(', ')}`
  const by = principal.via === undefined ? principal.provider : `${principal.provider} (${principal.via})`
  const who = `${principal.name}; provider: ${by}; ${groups}`
  if (role === undefined) {
    return [
      ...findings,
      { state: 'fails', text: `${who}; no role`, hint: 'grant one with --readers, --writers or --admins' },
    ]
  }
  return [...findings, { state: 'works', text: `${who}; role: ${role}` }]
}

const REFUSALS: Readonly<Record<Refusal['reason'], Pick<Finding, 'text' | 'hint'>>> = {
  denied: { text: 'unknown user or wrong password' },
  busy: { text: 'too many logins are waiting' },
  unavailable: { text: 'the password could not be verified; see above' },
  limited: { text: 'too many failed logins' },
  'no-credentials': {
    text: 'no provider accepts passwords',
    hint: 'users of an issuer log in with a browser; /.htgate/ shows their account',
  },
}

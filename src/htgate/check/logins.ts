import { randomBytes } from 'node:crypto'
import type { AuthEvent } from '../../auth/events.js'
import { LoginPipeline } from '../../auth/login-pipeline.js'
import type { Finding, Provider } from '../../auth/provider.js'
import { GroupFile } from '../../policy/group-file.js'
import { Policy } from '../../policy/policy.js'
import { reason } from '../../system/errno.js'
import { flagOf } from '../options/declaration.js'
import type { Settings } from '../options/index.js'
import { openProviders } from '../providers.js'
import { type Area, failure } from './report.js'

/** A login to try. */
export interface Login {
  readonly user: string
  readonly password: Buffer
}

/** The ways to log in, in the order in which they are asked; and a login with them. */
export async function loginAreas(
  settings: Settings,
  login: Login | undefined,
): Promise<{ readonly areas: Area[]; close(): Promise<void> }> {
  const events: AuthEvent[] = []
  const groupFile = await openGroups(settings.groupFile)
  let providers: readonly Provider[] = []
  try {
    const context = {
      settings,
      standInKey: randomBytes(32),
      groups: groupFile,
      onEvent: (event: AuthEvent) => void events.push(event),
    }
    const opened = await openProviders(context)
    providers = opened.map(({ provider }) => provider)
  } catch (error) {
    return {
      areas: [{ name: 'logins', check: async () => [failure(error)] }],
      close: async () => groupFile?.close(),
    }
  }
  const pipeline = new LoginPipeline({ providers })
  const areas = providers.map((provider): Area => {
    return { name: optionOf(provider), check: () => findingsOf(provider, events) }
  })
  if (login !== undefined) {
    const check = () => tryLogin(settings, pipeline, events, login)
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

/** The group file is opened here once more, since a failure is a finding. */
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

const OPTIONS: Readonly<Record<string, keyof Settings>> = { file: 'file', ldap: 'ldapUrl' }

const optionOf = ({ name }: Provider): string => {
  const key = OPTIONS[name]
  return key === undefined ? name : flagOf(key)
}

async function findingsOf(provider: Provider, events: readonly AuthEvent[]): Promise<readonly Finding[]> {
  if (provider.check) return provider.check()
  const { ready, detail } = provider.status()
  if (!ready) return [{ state: 'fails', text: detail ?? 'not ready' }]
  if (provider.name !== 'file') return [{ state: 'works', text: 'ready' }]
  return events
    .filter(({ type }) => OF_FILE.has(type))
    .map(({ level, message }) => ({ state: level === 'info' ? 'works' : 'warning', text: message }))
}

/** Events about a password file: how many users it has, and which lines are wrong. */
const OF_FILE: ReadonlySet<AuthEvent['type']> = new Set([
  'loaded',
  'lines-skipped',
  'records-unusable',
  'records-costly',
])

async function tryLogin(
  settings: Settings,
  pipeline: LoginPipeline,
  events: AuthEvent[],
  { user, password }: Login,
): Promise<readonly Finding[]> {
  events.length = 0
  const credential = { kind: 'basic', name: user, user: Buffer.from(user), password } as const
  const verdict = await pipeline.login(credential, '127.0.0.1')
  await new Promise(setImmediate) // Events come in turns of their own.
  const findings = events
    .filter(({ level }) => level !== 'info')
    .map(({ message }): Finding => ({ state: 'warning', text: message }))
  if (!verdict.ok) return [...findings, { state: 'fails', text: REFUSALS[verdict.reason] }]
  const { principal } = verdict
  const policy = new Policy({
    profile: settings.app,
    grants: { read: settings.readers, write: settings.writers, admin: settings.admins },
  })
  const role = policy.roleOf(principal)
  const groups = principal.groups.length === 0 ? 'in no group' : `in ${principal.groups.join(', ')}`
  const who = `${principal.name}, by ${principal.provider}, ${groups}`
  if (role === undefined) {
    return [
      ...findings,
      { state: 'fails', text: `${who}, has no role`, hint: '--readers, --writers or --admins give one' },
    ]
  }
  return [...findings, { state: 'works', text: `${who}, role ${role}` }]
}

const REFUSALS = {
  denied: 'unknown user or wrong password',
  busy: 'too many logins wait',
  unavailable: 'the password could not be verified; see above',
  limited: 'too many failed logins',
  'no-credentials': 'no provider takes passwords',
} as const

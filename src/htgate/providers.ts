import { availableParallelism } from 'node:os'
import type { AuthEvent } from '../auth/events.js'
import type { Provider } from '../auth/provider.js'
import { costsMore } from '../auth/providers/password-file/hash-cost.js'
import { createPasswordFileProvider, type GroupSource } from '../auth/providers/password-file/provider.js'
import { HtgateError } from '../errors.js'
import { algorithmOf } from '../password.js'
import { errors } from './messages.js'
import { flagOf } from './options/declaration.js'
import type { Settings } from './options/index.js'

/** A provider, opened as the settings require. */
export interface OpenProvider {
  readonly provider: Provider
  /** Reloads its files on SIGHUP. Failures are reported as events. Absent if there is nothing to reload. */
  readonly reload?: () => void
}

export interface ProviderContext {
  readonly settings: Settings
  /** Assigns stand-ins to unknown users; the same in all processes. */
  readonly standInKey: Buffer
  /** The groups of the password file's users; undefined without a group file. */
  readonly groups: GroupSource | undefined
  /** Called with events for operators. */
  readonly onEvent: (event: AuthEvent) => void
}

/** How to open each provider, by the option that requires it. Add a line here for a new way to log in. */
const OPEN: Readonly<Record<string, (context: ProviderContext) => Promise<OpenProvider>>> = {
  file: openPasswordFile,
  ldapUrl: openDirectory,
}

/** Opens all providers that the settings require, in the order their options were given. @throws Exit */
export async function openProviders(context: ProviderContext): Promise<readonly OpenProvider[]> {
  const settings = context.settings as unknown as Readonly<Record<string, unknown>>
  const opened: OpenProvider[] = []
  try {
    for (const option of context.settings.order) {
      const open = OPEN[option]
      if (open && settings[option] !== undefined) opened.push(await open(context))
    }
    return opened
  } catch (error) {
    await Promise.all(opened.map(({ provider }) => provider.close()))
    throw error
  }
}

async function openPasswordFile(context: ProviderContext): Promise<OpenProvider> {
  const { settings, standInKey, groups, onEvent } = context
  const { cacheSize, cacheTtl, maxHashCost } = settings
  const rehash = settings.rehash && algorithmOf(settings.rehash)
  if (rehash && costsMore(rehash, maxHashCost)) throw errors.rehashTooCostly(maxHashCost)
  const provider = await createPasswordFileProvider({
    file: settings.file as string,
    workers: hashThreadsOf(settings),
    cacheSize,
    cacheTtl,
    rehash,
    maxHashCost,
    key: standInKey,
    groups,
    onEvent,
  })
  return { provider, reload: () => void provider.reload().catch(() => {}) }
}

/** Hash threads in this process. By default, workers share the CPUs evenly. */
const hashThreadsOf = ({ hashThreads, workers }: Settings): number =>
  hashThreads ?? Math.max(1, Math.floor(availableParallelism() / workers))

async function openDirectory({ settings, onEvent }: ProviderContext): Promise<OpenProvider> {
  // The LDAP client is loaded only if it is needed.
  const { createLdapProvider } = await import('../auth/providers/ldap/index.js')
  const options = {
    url: settings.ldapUrl as string,
    bindDn: settings.ldapBindDn,
    bindPasswordFile: settings.ldapBindPasswordFile,
    bindAs: settings.ldapBindAs,
    ca: settings.ldapCa,
    startTls: settings.ldapStarttls,
    groupBase: settings.ldapGroupBase,
    groupFilter: settings.ldapGroupFilter,
    groupAttribute: settings.ldapGroupAttribute,
    userAttribute: settings.ldapUserAttribute,
    timeout: settings.ldapTimeout,
    ttl: settings.ldapTtl,
    cacheSize: settings.cacheSize,
  }
  try {
    return { provider: await createLdapProvider(options, onEvent) }
  } catch (error) {
    if (error instanceof HtgateError) throw errors.option(inFlags(error.message))
    throw error
  }
}

/** Replaces the library's option names in a message by the command's: `ldap.groupBase` by `--ldap-group-base`. */
const inFlags = (message: string): string =>
  message.replace(
    /\b(option |with |requires |of |in )ldap\.([a-z]+[A-Za-z]*)\b/g,
    (_, before: string, name: string) => {
      const flag =
        name === 'startTls' ? '--ldap-starttls' : flagOf(`ldap${name[0]?.toUpperCase()}${name.slice(1)}`)
      return `${before === 'option ' ? '' : before}${flag}`
    },
  )

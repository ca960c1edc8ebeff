import { availableParallelism } from 'node:os'
import { HtgateError } from '../errors.js'
import { algorithmOf, type HashOptions } from '../password.js'
import { schemeNamed } from '../schemes/index.js'
import type { AuthEvent } from './events.js'
import type { LimiterOptions, LoginRecord } from './login-limiter.js'
import { DEFAULT_QUEUE } from './login-pipeline.js'
import type { Provider } from './provider.js'
import type { LdapOptions } from './providers/ldap/options.js'
import type { OidcOptions } from './providers/oidc/options.js'
import { costsMore, DEFAULT_MAX_HASH_COST } from './providers/password-file/hash-cost.js'
import { createPasswordFileProvider, type GroupSource } from './providers/password-file/provider.js'
import type { TokenOptions } from './providers/tokens/options.js'

/**
 * At least one of `file`, `ldap`, `providers`, `tokens` and `oidc` is required. The first three are tried in the order of their
 * keys; once one of them knows a user name, the next is not tried. Tokens are tried before them, and `oidc` after them.
 */
export interface AuthenticatorOptions {
  /** Path of the password file. It need not exist yet; until it does, no user can log in with it. */
  file?: string | undefined
  /** A directory server. Default: none. */
  ldap?: LdapOptions | undefined
  /** Further providers, in this order. */
  providers?: readonly Provider[] | undefined
  /** Tokens for programs. Their owners' accounts are those of the other providers here. Default: none. */
  tokens?: TokenOptions | undefined
  /** Bearer tokens of OpenID Connect issuers. Default: none. */
  oidc?: OidcOptions | undefined
  /** Groups for the users of the password file. Default: none. */
  groups?: GroupSource | undefined
  /** Name shown in the browser's login dialog. Printable ASCII. Default `Restricted`. */
  realm?: string | undefined
  /** Number of hashing threads, started on demand. 1 to 1024. Default: one per CPU. */
  workers?: number | undefined
  /** Number of logins that may wait for each provider; further ones get `busy`. 0 to 100,000. Default 256. */
  queue?: number | undefined
  /** Number of verified passwords to cache; the least recently used is dropped first. 0 disables the cache. Default 10,000. */
  cacheSize?: number | undefined
  /** How long a verified password stays in the cache, in milliseconds. Default 3,600,000, an hour. */
  cacheTtl?: number | undefined
  /**
   * Replaces weaker records at login: the password is rehashed with this scheme and cost, and the record is replaced in the
   * file, which this process must be allowed to write. Default: records are not replaced.
   */
  rehash?: HashOptions | undefined
  /**
   * Highest bcrypt cost to verify; for SHA-crypt, at most 64 × 2^maxHashCost rounds. Records that cost more are rejected.
   * 4 to 31. Default 14, about a second.
   */
  maxHashCost?: number | undefined
  /** Delays and limits failed logins; `true` for the defaults. Default: false. */
  limiter?: boolean | SharedLimiterOptions | undefined
  /**
   * A secret of at least 16 bytes, to be shared by all processes that serve the same users: an unknown name then takes the
   * same time in each, and they can exchange failed logins. Default: random.
   */
  key?: Buffer | undefined
  /** Called with events for operators. */
  onEvent?: ((event: AuthEvent) => void) | undefined
}

/** Options of the login limiter, for one process or several. */
export interface SharedLimiterOptions extends LimiterOptions {
  /** For several processes: called with records that the other authenticators must `receive`. */
  readonly onRecord?: ((record: LoginRecord) => void) | undefined
}

export type Settings = ReturnType<typeof settingsOf>

/** How to open each provider, by the option that configures it. Add a line here for a new kind of provider. */
const PROVIDERS: {
  readonly [Option in keyof AuthenticatorOptions]?: (
    value: NonNullable<AuthenticatorOptions[Option]>,
    settings: Settings,
    opened: readonly Provider[],
  ) => Promise<readonly Provider[]>
} = {
  // All but the password file's modules are loaded on demand.
  file: async (file, { fileOptions }) => [await createPasswordFileProvider({ file, ...fileOptions })],
  ldap: async (ldap, { onEvent }) => {
    const { createLdapProvider } = await import('./providers/ldap/index.js')
    return [await createLdapProvider(ldap, onEvent)]
  },
  providers: async (providers) => providers,
  oidc: async (oidc, { onEvent }) => {
    const { oidcSettings } = await import('./providers/oidc/options.js')
    const checked = oidcSettings(oidc)
    const { createIssuers } = await import('./providers/oidc/index.js')
    const { provider } = createIssuers(checked, onEvent)
    await provider.start()
    return [provider]
  },
  tokens: async (tokens, { onEvent }, opened) => {
    const { openTokens } = await import('./providers/tokens/options.js')
    return [await openTokens(tokens, opened, onEvent)]
  },
}

/** Names of providers that differ from those of their options. */
const NAMES: Readonly<Partial<Record<keyof AuthenticatorOptions, string>>> = { tokens: 'token' }

/** Opens the providers, and puts them in the order of the chain. */
export async function openProviders(options: AuthenticatorOptions, settings: Settings): Promise<Provider[]> {
  const inOrder = providersIn(options).filter((name) => name !== 'oidc' && name !== 'tokens')
  const providers: Provider[] = []
  try {
    // A token has the account of another provider, so tokens are opened last. A token in a password must not be taken for a
    // password, so they come first.
    for (const name of [...inOrder, 'oidc', 'tokens'] as const) {
      const value = options[name]
      if (value === undefined) continue
      const opened = await (PROVIDERS[name] as Open)(value, settings, providers)
      if (name === 'tokens') providers.unshift(...opened)
      else providers.push(...opened)
    }
    return providers
  } catch (error) {
    await Promise.all(providers.map((provider) => provider.close()))
    throw error
  }
}

type Open = (value: unknown, settings: Settings, opened: readonly Provider[]) => Promise<readonly Provider[]>

/** The options that configure providers, in the order of their keys. */
const providersIn = (options: AuthenticatorOptions): (keyof AuthenticatorOptions)[] =>
  (Object.keys(options) as (keyof AuthenticatorOptions)[]).filter(
    (name) => Object.hasOwn(PROVIDERS, name) && options[name] !== undefined,
  )

/** The options with their defaults. */
export function settingsOf(options: AuthenticatorOptions) {
  if (typeof options !== 'object' || options === null) {
    throw new HtgateError(
      'ERR_OPTION',
      `options must be an object with at least one of ${Object.keys(PROVIDERS).join(', ')}`,
    )
  }
  const { groups, limiter = false } = options
  const settings = {
    realm: options.realm ?? 'Restricted',
    queue: options.queue ?? DEFAULT_QUEUE,
    limiter: limiter === true ? {} : limiter || undefined,
    onEvent: options.onEvent ?? (() => {}),
    fileOptions: {
      workers: options.workers ?? availableParallelism(),
      cacheSize: options.cacheSize ?? 10_000,
      cacheTtl: options.cacheTtl ?? 3_600_000,
      maxHashCost: options.maxHashCost ?? DEFAULT_MAX_HASH_COST,
      rehash: options.rehash && algorithmOf(options.rehash),
      key: options.key,
      groups,
      onEvent: options.onEvent,
    },
  }
  requireProviders(options)
  if (typeof settings.realm !== 'string' || !/^[ -~]*$/.test(settings.realm)) {
    throw wrong('realm', 'must be printable ASCII: it is sent in a header')
  }
  const { workers, cacheSize, cacheTtl, maxHashCost, rehash } = settings.fileOptions
  requireInteger('workers', workers, 1, 1024)
  requireInteger('queue', settings.queue, 0, 100_000)
  requireInteger('cacheSize', cacheSize, 0, 10_000_000)
  requireInteger('cacheTtl', cacheTtl, 0, Number.MAX_SAFE_INTEGER)
  requireInteger('maxHashCost', maxHashCost, 4, 31)
  if (rehash && schemeNamed(rehash.scheme).strength !== 'strong') {
    throw wrong('rehash', 'must be a strong scheme, such as bcrypt')
  }
  if (rehash && costsMore(rehash, maxHashCost)) {
    throw wrong('rehash', `must not cost more than maxHashCost (${maxHashCost}) allows`)
  }
  requireLimiter(settings.limiter)
  const { key } = settings.fileOptions
  if (key !== undefined && !(Buffer.isBuffer(key) && key.length >= 16)) {
    throw wrong('key', 'must be a Buffer of at least 16 bytes')
  }
  if (typeof settings.onEvent !== 'function') throw wrong('onEvent', 'must be a function')
  return settings
}

/** Requires at least one provider. */
function requireProviders(options: AuthenticatorOptions): void {
  const { file, ldap, tokens, oidc, providers = [] } = options
  const given = providersIn(options)
  if (given.length === 0)
    throw wrong('file', `must be a path, unless there is one of ${Object.keys(PROVIDERS).join(', ')}`)
  if (file !== undefined && (typeof file !== 'string' || file === '')) throw wrong('file', 'must be a path')
  if (ldap !== undefined && (typeof ldap !== 'object' || ldap === null)) {
    throw wrong('ldap', 'must be an object with at least url')
  }
  if (tokens !== undefined && (typeof tokens !== 'object' || tokens === null)) {
    throw wrong('tokens', 'must be an object with at least file')
  }
  if (oidc !== undefined && (typeof oidc !== 'object' || oidc === null)) {
    throw wrong('oidc', 'must be an object with at least issuer and audience, or trust')
  }
  if (!Array.isArray(providers)) throw wrong('providers', 'must be an array')
  if (given.length === 1 && given[0] === 'providers' && providers.length === 0) {
    throw wrong('providers', 'must list at least one')
  }
  const names = new Set<string>(given.map((name) => NAMES[name] ?? name))
  for (const provider of providers as readonly Provider[]) {
    if (typeof provider?.name !== 'string' || typeof provider.verify !== 'function') {
      throw wrong('providers', 'must list objects with the methods of a Provider')
    }
    if (names.has(provider.name)) throw wrong('providers', `has two providers named '${provider.name}'`)
    names.add(provider.name)
  }
}

function requireLimiter(limiter: SharedLimiterOptions | undefined): void {
  if (limiter === undefined) return
  if (typeof limiter !== 'object') throw wrong('limiter', 'must be true, false or an object')
  const { failures, onRecord } = limiter
  if (failures !== undefined) requireInteger('limiter.failures', failures, 0, 1_000_000)
  if (onRecord !== undefined && typeof onRecord !== 'function') {
    throw wrong('limiter.onRecord', 'must be a function')
  }
}

function requireInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw wrong(name, `must be an integer from ${least} to ${most}, not ${value}`)
}

const wrong = (name: string, why: string) => new HtgateError('ERR_OPTION', `option ${name} ${why}`)

import { DEFAULT_MAX_HASH_COST } from '../../auth/providers/password-file/hash-cost.js'
import type { HashOptions } from '../../password.js'
import { isHashScheme, parseAlgorithm } from '../../schemes/algorithm.js'
import { schemeNamed, schemes } from '../../schemes/index.js'
import { errors } from '../messages.js'
import { group, optional, withDefault } from './declaration.js'
import { asciiText, count, path, positive, seconds } from './parsers.js'

/** Who may log in, and how. */
export const login = group('Logins', {
  file: optional({ short: '-f', argument: 'path', help: 'password file, as written by htpasswd' }, path),
  realm: optional(
    {
      argument: 'text',
      help: 'name shown in the browser’s login dialog',
      defaultText: 'MLflow Login, or Login with --app none',
    },
    asciiText,
  ),
  loginFailures: withDefault(
    {
      argument: 'number',
      help: 'failed logins allowed per client and user within 5 minutes; further ones get 429. 0 disables the limit, but not the growing delay',
      default: '10',
    },
    count,
  ),
  rehash: optional(
    {
      argument: 'scheme:n',
      help: 'rehash weaker records at login, for example with bcrypt:12; htgate needs write access to the password file',
      defaultText: 'never',
    },
    hashOptions,
  ),
})

/** Limits on the work of verifying passwords. */
export const hashing = group('Password hashing', {
  hashThreads: optional(
    {
      argument: 'number',
      help: 'threads that hash passwords, in each process',
      defaultText: 'one per CPU',
    },
    positive,
  ),
  hashQueue: optional(
    {
      argument: 'number',
      help: 'number of logins that may wait to be verified; further ones get 503',
      defaultText: '256 per provider',
    },
    count,
  ),
  maxHashCost: withDefault(
    {
      argument: 'cost',
      help: 'reject records whose hash costs more than bcrypt at this cost, or SHA-crypt with 64 × 2^cost rounds; 14 takes about a second',
      default: String(DEFAULT_MAX_HASH_COST),
    },
    bcryptCost,
  ),
  cacheSize: withDefault(
    {
      argument: 'number',
      help: 'number of verified credentials to cache; 0 disables the cache',
      default: '10000',
    },
    count,
  ),
  cacheTtl: withDefault(
    {
      argument: 'seconds',
      help: 'how long verified credentials stay in the cache',
      default: '3600',
      unit: 's',
    },
    seconds,
  ),
})

function bcryptCost(name: string, text: string): number {
  const value = Number(text)
  if (!/^\d{1,2}$/.test(text) || value < 4 || value > 31)
    throw errors.badOption(name, text, 'a cost from 4 to 31')
  return value
}

function hashOptions(name: string, text: string): HashOptions {
  const { scheme, work } = parseAlgorithm(text) ?? {}
  if (scheme && isHashScheme(scheme) && schemeNamed(scheme).strength === 'strong') {
    const factor = schemeNamed(scheme).work
    return { scheme, ...(factor && { [factor.name]: work }) }
  }
  const strong = schemes.filter(({ strength, hash }) => strength === 'strong' && hash)
  const ranges = strong.map(({ name, work }) => (work ? `${name}:${work.min} to ${work.max}` : name))
  throw errors.badOption(name, text, ranges.join(', '))
}

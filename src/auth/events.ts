import type { SchemeName } from '../schemes/index.js'
import { isUnsupported } from '../schemes/unsupported.js'
import type { LdapEvent } from './providers/ldap/events.js'
import type { IssuerEvent } from './providers/oidc/issuer.js'
import type { Lines, UsersTable, WeakRecords } from './providers/password-file/users-table.js'
import type { TokenEvent } from './providers/tokens/provider.js'

/** An event for operators. `message` is suitable for a log: one line, without secrets. */
export type AuthEvent =
  | FileLoaded
  | FileUnreadable
  | LinesSkipped
  | RecordsUnusable
  | RecordsCostly
  | Rehashed
  | RehashFailed
  | HashTimedOut
  | WorkerDied
  | ClientLimited
  | FailedLogins
  | LdapEvent
  | TokenEvent
  | IssuerEvent

interface Event<Type extends string, Level extends 'info' | 'warn' | 'error'> {
  readonly type: Type
  readonly level: Level
  readonly message: string
}

/** The file was loaded, at the start or after a change, and is now in effect. */
export interface FileLoaded extends Event<'loaded', 'info'> {
  readonly users: number
  /** Number of records by scheme, including unsupported ones such as yescrypt. `unknown`: not a hash. */
  readonly schemes: Readonly<Record<string, number>>
  /** Records that work, but have a weak scheme or cost, such as sha1, or bcrypt below cost 10. */
  readonly weak: WeakRecords
}

/** The file is missing or cannot be read. Until it can be, logins get `unavailable`. */
export interface FileUnreadable extends Event<'unreadable', 'error'> {
  readonly error: Error
}

/** Skipped lines that are not records. */
export interface LinesSkipped extends Event<'lines-skipped', 'warn'> {
  readonly count: number
  /** Line numbers of the first ten, from 1. */
  readonly lines: readonly number[]
}

/** Records that match no password: hashes of unsupported schemes, and invalid hashes. */
export interface RecordsUnusable extends Event<'records-unusable', 'warn'> {
  readonly count: number
  /** Line numbers of the first ten, from 1. */
  readonly lines: readonly number[]
}

/** Records whose hash costs more than `maxHashCost` allows: their users cannot log in. */
export interface RecordsCostly extends Event<'records-costly', 'warn'> {
  readonly count: number
  /** Line numbers of the first ten, from 1. */
  readonly lines: readonly number[]
}

/** A record was replaced with a stronger one at login. */
export interface Rehashed extends Event<'rehashed', 'info'> {
  readonly user: string
}

/** The stronger record could not be written. The login still succeeded. */
export interface RehashFailed extends Event<'rehash-failed', 'warn'> {
  readonly user: string
  readonly error: Error
}

/** A hash was aborted because it took too long; the login was denied. */
export interface HashTimedOut extends Event<'hash-timed-out', 'warn'> {
  readonly user: string
}

/** Too many failed logins from one client for one user; further ones get `limited` for a while. */
export interface ClientLimited extends Event<'client-limited', 'warn'> {
  readonly client: string
  readonly user: string
}

/** Failed logins in the last minute. Only with a limiter. */
export interface FailedLogins extends Event<'failed-logins', 'warn'> {
  readonly count: number
}

/** A hashing thread crashed. The next password starts a new one. */
export interface WorkerDied extends Event<'worker-died', 'error'> {
  readonly error: Error
}

/** The events for a loaded file. */
export function eventsOf(
  file: string,
  { size, schemes, skipped, unusable, costly, weak }: UsersTable,
  maxHashCost: number,
): AuthEvent[] {
  const events: AuthEvent[] = [
    { type: 'loaded', level: 'info', message: `${file}: ${count(size, 'user')}`, users: size, schemes, weak },
  ]
  if (skipped.count > 0) {
    const message = `${file}: ${named(skipped)} skipped: not a record (user:hash)`
    events.push({ type: 'lines-skipped', level: 'warn', message, count: skipped.count, lines: skipped.first })
  }
  if (unusable.count > 0) {
    const message = `${file}: cannot verify passwords for ${named(unusable)}: ${unusableKinds(unusable.count, schemes)}`
    events.push({
      type: 'records-unusable',
      level: 'warn',
      message,
      count: unusable.count,
      lines: unusable.first,
    })
  }
  if (costly.count > 0) {
    const message = `${file}: ${named(costly)} rejected: hash costs more than bcrypt at cost ${maxHashCost}`
    events.push({ type: 'records-costly', level: 'warn', message, count: costly.count, lines: costly.first })
  }
  return events
}

export const unreadable = (error: Error): AuthEvent => ({
  type: 'unreadable',
  level: 'error',
  message: `${error.message}; no user can log in`,
  error,
})

export const rehashed = (file: string, user: string, scheme: SchemeName): AuthEvent => ({
  type: 'rehashed',
  level: 'info',
  message: `${file}: rehashed the record of ${JSON.stringify(user)} with ${scheme}`,
  user,
})

export const rehashFailed = (user: string, error: Error): AuthEvent => ({
  type: 'rehash-failed',
  level: 'warn',
  message: `cannot rehash the record of ${JSON.stringify(user)}: ${error.message}`,
  user,
  error,
})

export const workerDied = (error: Error): AuthEvent => ({
  type: 'worker-died',
  level: 'error',
  message: `hashing thread crashed, starting another: ${error.message}`,
  error,
})

export const hashTimedOut = (user: string): AuthEvent => ({
  type: 'hash-timed-out',
  level: 'warn',
  message: `verifying a password for ${JSON.stringify(user)} took too long; login denied`,
  user,
})

export const clientLimited = (
  failures: number,
  seconds: number,
  client: string,
  user: string,
): AuthEvent => ({
  type: 'client-limited',
  level: 'warn',
  message: `${failures} failed logins from this client for this user within ${seconds} s; rejecting further ones for now`,
  client,
  user,
})

export const failedLogins = (failures: number): AuthEvent => ({
  type: 'failed-logins',
  level: 'warn',
  message: `${count(failures, 'failed login')} in the last minute`,
  count: failures,
})

/** Why records cannot be verified. */
function unusableKinds(count: number, schemes: Readonly<Record<string, number>>): string {
  const unsupported = Object.keys(schemes).filter(isUnsupported)
  const isMore = unsupported.reduce((sum, name) => sum + (schemes[name] ?? 0), 0) < count
  return [
    ...unsupported.map((name) => `${name} is not supported`),
    ...(isMore ? ['not a valid hash'] : []),
  ].join(', ')
}

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

function named({ count, first }: Lines): string {
  if (count === 1) return `line ${first[0]}`
  return `lines ${first.join(', ')}${count > first.length ? ` and ${count - first.length} more` : ''}`
}

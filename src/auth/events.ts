import type { SchemeName } from '../schemes/index.js'
import { isUnsupported } from '../schemes/unsupported.js'
import type { LdapEvent } from './providers/ldap/events.js'
import type { Lines, UsersTable, WeakRecords } from './providers/password-file/users-table.js'

/**
 * What an operator may want to know. `message` is fit for a log: one line, and no secret in it.
 */
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

interface Told<Type extends string, Level extends 'info' | 'warn' | 'error'> {
  readonly type: Type
  readonly level: Level
  readonly message: string
}

/** The file was read, at the start or after a change, and counts from now on. */
export interface FileLoaded extends Told<'loaded', 'info'> {
  readonly users: number
  /** The number of records of each scheme, unsupported ones such as yescrypt included. `unknown`: not a hash. */
  readonly schemes: Readonly<Record<string, number>>
  /** Records by which somebody gets in, whose scheme or cost is not good enough: sha1, or bcrypt at less than 10. */
  readonly weak: WeakRecords
}

/** The file is missing or cannot be read: nobody gets in until it can. */
export interface FileUnreadable extends Told<'unreadable', 'error'> {
  readonly error: Error
}

/** Lines that are no records are passed over. */
export interface LinesSkipped extends Told<'lines-skipped', 'warn'> {
  readonly count: number
  /** The numbers of the first ten, from 1. */
  readonly lines: readonly number[]
}

/** Records that nobody can log in by: hashes of unsupported schemes, and what isn't a valid hash. */
export interface RecordsUnusable extends Told<'records-unusable', 'warn'> {
  readonly count: number
  /** The numbers of the first ten, from 1. */
  readonly lines: readonly number[]
}

/** Records whose hash costs more than `maxHashCost` allows: their users cannot log in. */
export interface RecordsCostly extends Told<'records-costly', 'warn'> {
  readonly count: number
  /** The numbers of the first ten, from 1. */
  readonly lines: readonly number[]
}

/** A record was replaced by a stronger one, at a login. */
export interface Rehashed extends Told<'rehashed', 'info'> {
  readonly user: string
}

/** The stronger record could not be written; the user is let in all the same. */
export interface RehashFailed extends Told<'rehash-failed', 'warn'> {
  readonly user: string
  readonly error: Error
}

/** A hash took so long that it was ended, and the login denied. */
export interface HashTimedOut extends Told<'hash-timed-out', 'warn'> {
  readonly user: string
}

/** Logins of one client for one user have failed so often that more are answered `limited` for a while. */
export interface ClientLimited extends Told<'client-limited', 'warn'> {
  readonly client: string
  readonly user: string
}

/** Logins have failed within the last minute. Only where logins are limited. */
export interface FailedLogins extends Told<'failed-logins', 'warn'> {
  readonly count: number
}

/** A thread that hashes ended by itself. The next password starts another. */
export interface WorkerDied extends Told<'worker-died', 'error'> {
  readonly error: Error
}

/** What there is to say of a file that was read. */
export function eventsOf(
  file: string,
  { size, schemes, skipped, unusable, costly, weak }: UsersTable,
  maxHashCost: number,
): AuthEvent[] {
  const events: AuthEvent[] = [
    { type: 'loaded', level: 'info', message: `${file}: ${count(size, 'user')}`, users: size, schemes, weak },
  ]
  if (skipped.count > 0) {
    const message = `${file}: ${named(skipped)} passed over: no user and no colon there`
    events.push({ type: 'lines-skipped', level: 'warn', message, count: skipped.count, lines: skipped.first })
  }
  if (unusable.count > 0) {
    const message = `${file}: no password can be verified for ${named(unusable)}: ${unusableKinds(unusable.count, schemes)}`
    events.push({
      type: 'records-unusable',
      level: 'warn',
      message,
      count: unusable.count,
      lines: unusable.first,
    })
  }
  if (costly.count > 0) {
    const message = `${file}: not verified: ${named(costly)}, whose hash costs more than bcrypt at cost ${maxHashCost}`
    events.push({ type: 'records-costly', level: 'warn', message, count: costly.count, lines: costly.first })
  }
  return events
}

export const unreadable = (error: Error): AuthEvent => ({
  type: 'unreadable',
  level: 'error',
  message: `${error.message}; nobody can log in`,
  error,
})

export const rehashed = (file: string, user: string, scheme: SchemeName): AuthEvent => ({
  type: 'rehashed',
  level: 'info',
  message: `${file}: the record of ${JSON.stringify(user)} is ${scheme} now`,
  user,
})

export const rehashFailed = (user: string, error: Error): AuthEvent => ({
  type: 'rehash-failed',
  level: 'warn',
  message: `no stronger record for ${JSON.stringify(user)}: ${error.message}`,
  user,
  error,
})

export const workerDied = (error: Error): AuthEvent => ({
  type: 'worker-died',
  level: 'error',
  message: `a thread that hashes passwords ended: ${error.message}; another takes its place`,
  error,
})

export const hashTimedOut = (user: string): AuthEvent => ({
  type: 'hash-timed-out',
  level: 'warn',
  message: `hashing a password for ${JSON.stringify(user)} took too long; the login was denied`,
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
  message: `${failures} failed logins of this client with this user within ${seconds} s: more are rejected for a while`,
  client,
  user,
})

export const failedLogins = (failures: number): AuthEvent => ({
  type: 'failed-logins',
  level: 'warn',
  message: `${count(failures, 'failed login')} within the last minute`,
  count: failures,
})

/** What the records are that nobody can log in by. */
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

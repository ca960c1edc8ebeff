import type { SchemeName } from '../schemes/index.js'
import type { Lines, UsersTable, WeakRecords } from './users-table.js'

/**
 * What an operator may want to know. `message` is fit for a log: one line, and no secret in it.
 */
export type AuthEvent =
  | FileLoaded
  | FileUnreadable
  | LinesSkipped
  | RecordsUnusable
  | Rehashed
  | RehashFailed
  | WorkerDied

interface Told<Type extends string, Level extends 'info' | 'warn' | 'error'> {
  readonly type: Type
  readonly level: Level
  readonly message: string
}

/** The file was read, at the start or after a change, and counts from now on. */
export interface FileLoaded extends Told<'loaded', 'info'> {
  readonly users: number
  /** How many records there are of each scheme. `unknown`: bare plaintext, and what no scheme here can read. */
  readonly schemes: Readonly<Partial<Record<SchemeName | 'unknown', number>>>
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

/** Records that no password fits: bare plaintext, or a hash that no scheme here can read. */
export interface RecordsUnusable extends Told<'records-unusable', 'warn'> {
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

/** A thread that hashes ended by itself. The next password starts another. */
export interface WorkerDied extends Told<'worker-died', 'error'> {
  readonly error: Error
}

/** What there is to say of a file that was read. */
export function eventsOf(file: string, { size, schemes, skipped, unusable, weak }: UsersTable): AuthEvent[] {
  const events: AuthEvent[] = [
    { type: 'loaded', level: 'info', message: `${file}: ${count(size, 'user')}`, users: size, schemes, weak },
  ]
  if (skipped.count > 0) {
    const message = `${file}: ${named(skipped)} passed over: no user and no colon there`
    events.push({ type: 'lines-skipped', level: 'warn', message, count: skipped.count, lines: skipped.first })
  }
  if (unusable.count > 0) {
    const message = `${file}: no password fits ${named(unusable)}: plaintext, or a hash of an unknown kind`
    events.push({
      type: 'records-unusable',
      level: 'warn',
      message,
      count: unusable.count,
      lines: unusable.first,
    })
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

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

function named({ count, first }: Lines): string {
  if (count === 1) return `line ${first[0]}`
  return `lines ${first.join(', ')}${count > first.length ? ` and ${count - first.length} more` : ''}`
}

import type { AuthEvent } from '../auth/events.js'
import type { HtgateError } from '../errors.js'
import type { Log, LogFields } from '../operations/log.js'
import { errors, notices, say } from './messages.js'
import type { Settings } from './options/index.js'

/** Events that only one process sees. All others occur in every process, so only the log leader reports them. */
const OF_ONE_PROCESS: ReadonlySet<AuthEvent['type']> = new Set([
  'rehashed',
  'rehash-failed',
  'hash-timed-out',
  'worker-died',
  'client-limited',
  'failed-logins',
  'login-refused',
  'login-remark',
  'login-ended',
] as const)

/** Reports events to operators: on standard error while htgate starts, in the log after that. */
export class EventReporter {
  readonly #settings: Settings
  readonly #log: Log
  readonly #isLogLeader: boolean
  /** Events held back during the start; undefined after it. */
  #early: AuthEvent[] | undefined = []

  constructor(settings: Settings, log: Log, isLogLeader: boolean) {
    this.#settings = settings
    this.#log = log
    this.#isLogLeader = isLogLeader
  }

  readonly report = (event: AuthEvent): void => {
    if (this.#early) this.#early.push(event)
    else if (this.#isReported(event)) {
      this.#log.event(event.level, event.message, fieldsOf(event))
    }
  }

  /** Reports a message that is not an AuthEvent. */
  note(level: 'info' | 'warn' | 'error', message: string): void {
    if (!this.#isLogLeader) return
    if (this.#early) say(message)
    else this.#log.event(level, message)
  }

  /**
   * Ends the start, and reports the events so far.
   * @throws Exit if the password file cannot be read: no user could log in
   */
  async started(): Promise<void> {
    await new Promise(setImmediate) // Events are emitted asynchronously.
    const events = this.#early ?? []
    this.#early = undefined
    const { ldapUrl } = this.#settings
    if (this.#isLogLeader && ldapUrl !== undefined) say(notices.guardsDirectory(this.#settings, ldapUrl))
    for (const event of events) {
      if (event.type === 'unreadable') {
        throw errors.passwordFile(this.#settings.file as string, event.error as HtgateError)
      }
      if (this.#isReported(event)) {
        say(event.type === 'loaded' ? notices.guards(this.#settings, event) : event.message)
      }
    }
  }

  #isReported({ type }: AuthEvent): boolean {
    return this.#isLogLeader || OF_ONE_PROCESS.has(type)
  }
}

function fieldsOf(event: AuthEvent): LogFields {
  if (event.type === 'client-limited') return { client: event.client, user: event.user }
  const isOfLogin =
    event.type === 'login-refused' || event.type === 'login-remark' || event.type === 'login-ended'
  return isOfLogin && event.user !== undefined ? { user: event.user } : {}
}

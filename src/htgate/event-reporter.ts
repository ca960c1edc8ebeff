import type { AuthEvent } from '../auth/events.js'
import type { HtgateError } from '../errors.js'
import type { Log } from '../operations/log.js'
import { errors, notices, say } from './messages.js'
import type { Settings } from './options/index.js'

/** Events that only one process sees; of all others each process has its own copy, and the log leader's is enough. */
const OF_ONE_PROCESS: ReadonlySet<AuthEvent['type']> = new Set([
  'rehashed',
  'rehash-failed',
  'hash-timed-out',
  'worker-died',
  'client-limited',
  'failed-logins',
] as const)

/** Tells operators what happens to logins: on standard error while htgate starts, in the log from then on. */
export class EventReporter {
  readonly #settings: Settings
  readonly #log: Log
  readonly #isLogLeader: boolean
  /** Undefined once the start is over. */
  #early: AuthEvent[] | undefined = []

  constructor(settings: Settings, log: Log, isLogLeader: boolean) {
    this.#settings = settings
    this.#log = log
    this.#isLogLeader = isLogLeader
  }

  readonly report = (event: AuthEvent): void => {
    if (this.#early) this.#early.push(event)
    else if (this.#isReported(event)) {
      const fields = event.type === 'client-limited' ? { client: event.client, user: event.user } : {}
      this.#log.event(event.level, event.message, fields)
    }
  }

  /**
   * Reports what the start has brought.
   * @throws Exit if the password file cannot be read: no user could log in
   */
  async started(): Promise<void> {
    await new Promise(setImmediate) // Events come in turns of their own.
    const events = this.#early ?? []
    this.#early = undefined
    for (const event of events) {
      if (event.type === 'unreadable') {
        const { message, code } = event.error as HtgateError
        throw errors.passwordFile(message, code === 'ERR_FILE_MISSING')
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

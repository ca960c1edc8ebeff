import type { LoginRecord } from '../auth/login-limiter.js'
import type { Ending } from '../auth/sessions/ended.js'
import type { Snapshot } from '../operations/metrics.js'

// What the supervisor and its workers tell each other. Everything is plain JSON.

export type ToWorker =
  /** Finish requests in progress and exit; a second time: exit at once. `cause` is for the log. */
  | { readonly type: 'stop'; readonly cause: string }
  /** Reload the password file and the certificate. */
  | { readonly type: 'reload' }
  /** Another worker has seen this login. */
  | { readonly type: 'login'; readonly record: LoginRecord }
  /** Another worker has ended these sessions. */
  | Logout
  /** Answer with a snapshot of the metrics. */
  | { readonly type: 'measure'; readonly id: number }

export type ToSupervisor =
  | ({ readonly type: 'readiness' } & Readiness)
  | { readonly type: 'login'; readonly record: LoginRecord }
  | Logout
  /** `id` is that of the question; undefined where the worker reports unasked. */
  | { readonly type: 'snapshot'; readonly id?: number | undefined; readonly snapshot: Snapshot }

export interface Logout {
  readonly type: 'logout'
  readonly ending: Ending
}

/** Whether requests are served, and if not, why: one line. */
export interface Readiness {
  readonly ready: boolean
  readonly detail?: string
}

/** Set for the one worker that logs what all of them would say alike. */
export const LOG_LEADER = 'HTGATE_LOG_LEADER'
/** A random secret of all processes, in base64: it makes the digests of one recognizable to the others. */
export const SHARED_KEY = 'HTGATE_SHARED_KEY'
/** The port of the guarded command, for the workers. */
export const COMMAND_PORT = 'HTGATE_COMMAND_PORT'

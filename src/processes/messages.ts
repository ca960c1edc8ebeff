import type { LoginRecord } from '../auth/login-limiter.js'
import type { Ending } from '../auth/sessions/ended.js'
import type { Snapshot } from '../operations/metrics.js'

// The messages between the supervisor and its workers. They are plain JSON.

export type ToWorker =
  /** Finish requests in progress and exit; the second time, exit at once. `cause` is for the log. */
  | { readonly type: 'stop'; readonly cause: string }
  /** Reload the password file and the certificate. */
  | { readonly type: 'reload' }
  /** Another worker has recorded this login. */
  | { readonly type: 'login'; readonly record: LoginRecord }
  /** Another worker has ended these sessions. */
  | Logout
  /** Answer with a snapshot of the metrics. */
  | { readonly type: 'measure'; readonly id: number }

export type ToSupervisor =
  | ({ readonly type: 'readiness' } & Readiness)
  | { readonly type: 'login'; readonly record: LoginRecord }
  | Logout
  /** `id` is that of the request; undefined if the worker reports by itself. */
  | { readonly type: 'snapshot'; readonly id?: number | undefined; readonly snapshot: Snapshot }

export interface Logout {
  readonly type: 'logout'
  readonly ending: Ending
}

/** Whether requests are served, and if not, why, in one line. */
export interface Readiness {
  readonly ready: boolean
  readonly detail?: string
}

/** Set for the log leader, which logs on behalf of all workers. */
export const LOG_LEADER = 'HTGATE_LOG_LEADER'
/** A random secret shared by all processes, in base64, so that they can compare digests. */
export const SHARED_KEY = 'HTGATE_SHARED_KEY'
/** The port of the guarded command, for the workers. */
export const COMMAND_PORT = 'HTGATE_COMMAND_PORT'

export type { Authenticator, Authorization, Counters, Reason, Verdict } from './auth/authenticator.js'
export { createAuthenticator } from './auth/authenticator.js'
export { challenge } from './auth/challenge.js'
export type {
  AuthEvent,
  FileLoaded,
  FileUnreadable,
  LinesSkipped,
  RecordsUnusable,
  Rehashed,
  RehashFailed,
  WorkerDied,
} from './auth/events.js'
export { type AuthenticatedRequest, type Middleware, middleware } from './auth/middleware.js'
export type { AuthenticatorOptions } from './auth/options.js'
export { type Refusal, refusal } from './auth/refusal.js'
export type { WeakRecords } from './auth/users-table.js'
export { type ErrorCode, HtgateError } from './errors.js'
export {
  type OpenOptions,
  openPasswordFile,
  type PasswordFile,
  type UserRecord,
} from './passwd-file/password-file.js'
export {
  type Description,
  describe,
  type HashOptions,
  type HashScheme,
  hash,
  schemes,
  verify,
} from './password.js'
export type { SchemeName, Strength } from './schemes/index.js'

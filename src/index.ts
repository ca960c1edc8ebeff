export type {
  Authenticator,
  Authorization,
  Counters,
  Reason,
  Verdict,
} from './auth/authenticator.js'
export { createAuthenticator } from './auth/authenticator.js'
export { challenge } from './auth/challenge.js'
export type { AuthEvent } from './auth/events.js'
export type { AuthenticatorOptions } from './auth/options.js'
export { type ErrorCode, HtgateError } from './errors.js'
export { schemes } from './schemes/index.js'

export type {
  AuthEvent,
  Authenticator,
  AuthenticatorOptions,
  Authorization,
  Counters,
  Reason,
  Verdict,
} from './auth/authenticator.js'
export { createAuthenticator } from './auth/authenticator.js'
export { challenge } from './auth/challenge.js'
export { type ErrorCode, HtgateError } from './errors.js'
export { schemes } from './schemes/index.js'

export type { Authenticator, AuthVerdict as Verdict, Counters, Reason } from './auth/authenticator.js'
export { createAuthenticator } from './auth/authenticator.js'
export type { Authorization } from './auth/authorization.js'
export { bearerChallenge, challenge } from './auth/challenge.js'
export type { LoginCounters, LoginResult, ProviderCounters, ProviderResult } from './auth/counters.js'
export { sumCounters } from './auth/counters.js'
export type {
  BasicCredential,
  BearerCredential,
  CertificateCredential,
  Credential,
  SessionCredential,
} from './auth/credential.js'
export type {
  AuthEvent,
  ClientLimited,
  FailedLogins,
  FileLoaded,
  FileUnreadable,
  HashTimedOut,
  LinesSkipped,
  RecordsCostly,
  RecordsUnusable,
  Rehashed,
  RehashFailed,
  WorkerDied,
} from './auth/events.js'
export type { LimiterOptions, LoginRecord } from './auth/login-limiter.js'
export { type AuthenticatedRequest, type Middleware, middleware } from './auth/middleware.js'
export type { AuthenticatorOptions, SharedLimiterOptions } from './auth/options.js'
export { type Principal, permits, type Role } from './auth/principal.js'
export type {
  Account,
  Finding,
  Granted,
  Measures,
  Provider,
  ProviderStatus,
  RefusalReason,
  Refused,
  Verdict as ProviderVerdict,
} from './auth/provider.js'
export type { LdapEvent } from './auth/providers/ldap/events.js'
export type { LdapOptions } from './auth/providers/ldap/options.js'
export type { IssuerEvent } from './auth/providers/oidc/issuer.js'
export type { OidcOptions, OidcTrust } from './auth/providers/oidc/options.js'
export type { GroupSource } from './auth/providers/password-file/provider.js'
export type { WeakRecords } from './auth/providers/password-file/users-table.js'
export {
  createToken,
  listTokens,
  revokeTokens,
  type TokenInfo,
  type TokenRequest,
} from './auth/providers/tokens/manage.js'
export type { TokenOptions } from './auth/providers/tokens/options.js'
export type { TokenEvent } from './auth/providers/tokens/provider.js'
export { type Refusal, refusal } from './auth/refusal.js'
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

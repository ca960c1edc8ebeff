/** What an operator may want to know of the directory. `message` is fit for a log: one line, and no secret in it. */
export interface LdapEvent {
  readonly type: /** New logins are not possible. */
    | 'directory-unreachable'
    | 'directory-reachable'
    /** A login failed for another reason than a wrong password. */
    | 'login-refused'
    /** A login that succeeded comes with a warning, such as a password that is about to expire. */
    | 'login-remark'
    /** A remembered login ended, since the directory no longer grants it. */
    | 'login-ended'
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly user?: string
}

/** An event of the directory, for operators. `message` is suitable for a log: one line, without secrets. */
export interface LdapEvent {
  readonly type: /** New logins are not possible. */
    | 'directory-unreachable'
    | 'directory-reachable'
    /** A login failed for a reason other than a wrong password. */
    | 'login-refused'
    /** A login succeeded with a warning, such as a password that is about to expire. */
    | 'login-remark'
    /** A cached login ended, because the directory no longer grants it. */
    | 'login-ended'
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly user?: string
}

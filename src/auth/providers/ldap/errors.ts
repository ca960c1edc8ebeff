/** Why the directory could not be asked: no password is at fault. `message` is fit for a log. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError'
  /** What would help. */
  readonly hint: string | undefined
  /** Whether it says nothing of other logins: those may go well. */
  readonly isLocal: boolean

  constructor(message: string, { hint, isLocal = false, cause }: DirectoryErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.hint = hint
    this.isLocal = isLocal
  }
}

interface DirectoryErrorOptions {
  readonly hint?: string | undefined
  readonly isLocal?: boolean
  readonly cause?: unknown
}

/** The message, with what would help. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error instanceof DirectoryError && error.hint ? `${error.message} (${error.hint})` : error.message
}

const TRUST = 'name the certificate authority with --ldap-ca'

const TLS: Readonly<Record<string, readonly [what: string, hint?: string]>> = {
  CERT_HAS_EXPIRED: ['the certificate has expired', 'renew it on the directory server'],
  CERT_NOT_YET_VALID: ['the certificate is not valid yet', 'compare the clocks of both machines'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['the certificate is self-signed', TRUST],
  SELF_SIGNED_CERT_IN_CHAIN: ['the certificate is signed by an unknown authority', TRUST],
  UNABLE_TO_GET_ISSUER_CERT: ['the certificate is signed by an unknown authority', TRUST],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['the certificate is signed by an unknown authority', TRUST],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['the certificate is signed by an unknown authority', TRUST],
  CERT_SIGNATURE_FAILURE: ['the certificate is signed by an unknown authority', TRUST],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'it does not speak TLS on this port',
    'ldaps:// has port 636; on port 389 use --ldap-starttls',
  ],
}

const SOCKET: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name cannot be looked up at present',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'the connection timed out',
  ENOENT: 'no such socket',
  EACCES: 'permission denied',
}

/** What a failed connection to `server` means. */
export function connectionError(server: string, error: NodeJS.ErrnoException): DirectoryError {
  if (error instanceof DirectoryError) return error
  // Several addresses were tried; the first failure says as much as any.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error
  const code = first?.code ?? error.code ?? ''
  const options = { cause: error }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const what = /^Hostname\/IP does not match certificate's altnames: (.*)$/s.exec(error.message)?.[1]
    const hint = 'write the host in the URL as its certificate names it'
    return new DirectoryError(`${server}: the certificate is for another name: ${what ?? error.message}`, {
      hint,
      ...options,
    })
  }
  const [what, hint] = TLS[code] ?? []
  if (what !== undefined) return new DirectoryError(`${server}: ${what}`, { hint, ...options })
  return new DirectoryError(`${server}: ${SOCKET[code] ?? error.message}`, options)
}

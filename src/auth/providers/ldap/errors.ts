/** A failure to ask the directory, as opposed to a wrong password. `message` is suitable for a log. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError'
  /** How to fix it. */
  readonly hint: string | undefined
  /** Whether it concerns this login only, and others may succeed. */
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

/** The message with its hint. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error instanceof DirectoryError && error.hint ? `${error.message} (${error.hint})` : error.message
}

const TRUST = 'trust its certificate authority with --ldap-ca'

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
    'the server does not speak TLS on this port',
    'ldaps:// uses port 636; for port 389, use --ldap-starttls',
  ],
}

const SOCKET: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'temporary DNS failure',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'the connection timed out',
  ENOENT: 'no such socket',
  EACCES: 'permission denied',
}

/** Explains a failed connection to `server`. */
export function connectionError(server: string, error: NodeJS.ErrnoException): DirectoryError {
  if (error instanceof DirectoryError) return error
  // If several addresses were tried, report the first failure.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error
  const code = first?.code ?? error.code ?? ''
  const options = { cause: error }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const what = /^Hostname\/IP does not match certificate's altnames: (.*)$/s.exec(error.message)?.[1]
    const hint = 'use a host name in the URL that is in the certificate'
    return new DirectoryError(`${server}: the certificate is for another name: ${what ?? error.message}`, {
      hint,
      ...options,
    })
  }
  const [what, hint] = TLS[code] ?? []
  if (what !== undefined) return new DirectoryError(`${server}: ${what}`, { hint, ...options })
  return new DirectoryError(`${server}: ${SOCKET[code] ?? error.message}`, options)
}

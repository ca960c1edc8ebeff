import type { X509Certificate } from 'node:crypto'

/** What a request presents to say who sent it. */
export type Credential = BasicCredential | BearerCredential | SessionCredential | CertificateCredential

/** A user name and a password (RFC 7617). */
export interface BasicCredential {
  readonly kind: 'basic'
  /** The claimed name as text. */
  readonly name: string
  /** The claimed name as bytes, always valid UTF-8. */
  readonly user: Buffer
  /** The password as sent: usually, but not necessarily, UTF-8. Providers never get an empty one. */
  readonly password: Buffer
}

/** A bearer token (RFC 6750). */
export interface BearerCredential {
  readonly kind: 'bearer'
  readonly token: string
}

/** The value of the session cookie. */
export interface SessionCredential {
  readonly kind: 'session'
  readonly value: string
}

/** A client certificate that the TLS handshake has verified against the configured authorities. */
export interface CertificateCredential {
  readonly kind: 'certificate'
  readonly certificate: X509Certificate
}

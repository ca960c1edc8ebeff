import type { X509Certificate } from 'node:crypto'
import { type CertificateIdentity, identityOf } from './revocation-list.js'

/** Most signatures to verify for one certificate. Real chains need fewer, but clients can send any certificates along. */
const MOST_SIGNATURES = 32

/**
 * Finds the intermediate certificates between a client's certificate and a trusted root. Node does not report which chain the
 * handshake verified, so this finds every chain that the signatures allow.
 */
export class Chains {
  readonly #authorities: readonly X509Certificate[]
  readonly #roots: ReadonlySet<string>
  /** Chains by certificate. */
  readonly #known = new WeakMap<X509Certificate, readonly (readonly CertificateIdentity[])[]>()

  /** @param authorities the trusted ones, including intermediate ones */
  constructor(authorities: readonly X509Certificate[]) {
    this.#authorities = authorities
    this.#roots = new Set(authorities.filter(isSelfSigned).map(({ fingerprint256 }) => fingerprint256))
  }

  /** The chains of a certificate: each starts with the certificate itself and ends before the root. */
  of(certificate: X509Certificate): readonly (readonly CertificateIdentity[])[] {
    const known = this.#known.get(certificate)
    if (known) return known
    const found: CertificateIdentity[][] = []
    const candidates = [...this.#authorities, ...sentWith(certificate)]
    let left = MOST_SIGNATURES
    const climb = (
      from: X509Certificate,
      chain: readonly CertificateIdentity[],
      seen: ReadonlySet<string>,
    ) => {
      if (this.#roots.has(from.fingerprint256)) {
        found.push(chain.length === 0 ? [identityOf(from)] : [...chain])
        return
      }
      for (const candidate of candidates) {
        const { fingerprint256: id } = candidate
        if (seen.has(id) || !candidate.ca || !from.checkIssued(candidate) || left-- <= 0) continue
        if (!from.verify(candidate.publicKey)) continue
        climb(candidate, [...chain, identityOf(from)], new Set([...seen, id]))
      }
    }
    climb(certificate, [], new Set([certificate.fingerprint256]))
    this.#known.set(certificate, found)
    return found
  }
}

const isSelfSigned = (certificate: X509Certificate): boolean =>
  certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey)

/** The certificates that a client sent after its own. */
function sentWith(certificate: X509Certificate): X509Certificate[] {
  const sent: X509Certificate[] = []
  let next = certificate.issuerCertificate
  while (next && !sent.includes(next) && sent.length < MOST_SIGNATURES) {
    sent.push(next)
    next = next.issuerCertificate
  }
  return sent
}

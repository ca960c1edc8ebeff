import type { X509Certificate } from 'node:crypto'
import { type Element, elementsOf, GENERALIZED_TIME, INTEGER, SEQUENCE, timeOf, UTC_TIME } from './der.js'

/** A certificate revocation list (RFC 5280, section 5). */
export interface RevocationList {
  /** The issuer's name: DER in base64. */
  readonly issuer: string
  /** When the next list is due, in milliseconds since the epoch, if stated. */
  readonly nextUpdate: number | undefined
  /** Serial numbers in hexadecimal. */
  readonly revoked: ReadonlySet<string>
}

/**
 * Parses the lists in a file, PEM or DER.
 * @throws RangeError if there is none, or one is invalid
 */
export function parseRevocationLists(content: Buffer): RevocationList[] {
  const text = content.toString('latin1')
  const blocks = [...text.matchAll(/-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/g)]
  const ders: Buffer[] = blocks.map(([, base64]) => Buffer.from(base64 as string, 'base64'))
  if (ders.length === 0 && content[0] === SEQUENCE) ders.push(content)
  if (ders.length === 0) throw new RangeError('the file has no revocation list')
  return ders.map(parse)
}

function parse(der: Buffer): RevocationList {
  const [list] = elementsOf(der)
  const [signed] = elementsOf((list as Element).content)
  const parts = elementsOf((signed as Element).content)
  if (parts[0]?.tag === INTEGER) parts.shift() // The version, of version 2.
  const [, issuer, , next, ...rest] = parts
  if (issuer?.tag !== SEQUENCE) throw new RangeError('it is not a revocation list')
  const isTime = next?.tag === UTC_TIME || next?.tag === GENERALIZED_TIME
  const entries = [...(isTime ? [] : [next]), ...rest].find((part) => part?.tag === SEQUENCE)
  const revoked = new Set<string>()
  for (const { content } of entries === undefined ? [] : elementsOf(entries.content)) {
    revoked.add(serialText((elementsOf(content)[0] as Element).content))
  }
  const nextUpdate = isTime && next ? timeOf(next) : undefined
  return { issuer: issuer.whole.toString('base64'), nextUpdate, revoked }
}

/** How revocation lists identify a certificate. */
export interface CertificateIdentity {
  /** The issuer's name: DER in base64. */
  readonly issuer: string
  /** The serial number in hexadecimal. */
  readonly serial: string
}

export function identityOf(certificate: X509Certificate): CertificateIdentity {
  const [serial, , issuer] = fieldsOf(certificate)
  return {
    serial: serialText((serial as Element).content),
    issuer: (issuer as Element).whole.toString('base64'),
  }
}

/** The name under which an authority issues certificates and lists: DER in base64. */
export function subjectOf(certificate: X509Certificate): string {
  const [, , , , subject] = fieldsOf(certificate)
  return (subject as Element).whole.toString('base64')
}

/** The fields of a certificate from its serial number on (RFC 5280, section 4.1). */
function fieldsOf({ raw }: X509Certificate): Element[] {
  const [certificate] = elementsOf(raw)
  const [signed] = elementsOf((certificate as Element).content)
  const fields = elementsOf((signed as Element).content)
  if (fields[0]?.tag === 0xa0) fields.shift() // The version.
  return fields
}

const serialText = (content: Buffer): string => content.toString('hex').replace(/^(?:00)+(?=..)/, '')

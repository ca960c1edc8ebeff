import { X509Certificate } from 'node:crypto'
import type { Finding } from '../../auth/provider.js'

const DAY = 86_400_000
/** Warn about certificates that expire within this many days. */
const SOON = 14

/**
 * Reports whether a certificate is valid now, and for how long.
 * @param what names the certificate in messages, such as its path
 */
export function certificateFinding(what: string, certificate: X509Certificate, now = Date.now()): Finding {
  const { validFrom, validTo } = certificate
  if (Date.parse(validFrom) > now) {
    return { state: 'fails', text: `${what} is not valid before ${validFrom}`, hint: 'check the clock' }
  }
  const left = Date.parse(validTo) - now
  if (left <= 0) return { state: 'fails', text: `${what} expired on ${validTo}`, hint: 'renew it' }
  const days = Math.floor(left / DAY)
  const text = `${what} expires in ${days} day${days === 1 ? '' : 's'}, on ${validTo}`
  return days < SOON ? { state: 'warning', text, hint: 'renew it' } : { state: 'works', text }
}

/** The certificates in a PEM file, in its order. */
export function certificatesIn(pem: Buffer | string): X509Certificate[] {
  const blocks = String(pem).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}

/** Reports on a server's certificate, and on those of the authorities after it in its file, unless they are valid. */
export function chainFindings(path: string, pem: Buffer | string, now = Date.now()): Finding[] {
  const [own, ...authorities] = certificatesIn(pem)
  const others = authorities.map((each) =>
    certificateFinding(`${path}: ${each.subject.replaceAll('\n', ', ')}`, each, now),
  )
  return [
    ...(own === undefined ? [] : [certificateFinding(path, own, now)]),
    ...others.filter(({ state }) => state !== 'works'),
  ]
}

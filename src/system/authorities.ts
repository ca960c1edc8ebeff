import { readFileSync } from 'node:fs'
import { reason } from './errno.js'

/**
 * Reads certificate authorities to trust, in PEM.
 *
 * @param failed makes the error from what is wrong: `cannot be read: …`, `contains no certificates: …`
 */
export function readAuthorities(path: string, failed: (why: string) => Error): string {
  let pem: string
  try {
    pem = readFileSync(path, 'utf8')
  } catch (error) {
    throw failed(`cannot be read: ${path}: ${reason(error as Error)}`)
  }
  // Otherwise Node would silently trust no certificate.
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw failed(`contains no certificates: ${path}`)
  return pem
}

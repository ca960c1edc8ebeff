import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { peer } from './peers.js'

export interface Certificate {
  /** Paths of PEM files. */
  readonly cert: string
  readonly key: string
  /** The certificate in PEM, for clients to trust. */
  readonly ca: string
}

/** Makes a self-signed certificate for `name` and 127.0.0.1 in `folder`, with openssl. */
export function makeCertificate(folder: string, name: string): Certificate {
  const cert = join(folder, 'cert.pem')
  const key = join(folder, 'key.pem')
  execFileSync(
    peer('openssl') as string,
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
      .concat(['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name},IP:127.0.0.1`])
      .concat(['-keyout', key, '-out', cert]),
    { stdio: 'pipe' },
  )
  return { cert, key, ca: readFileSync(cert, 'utf8') }
}

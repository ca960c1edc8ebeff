import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readCa, readCertificate } from '../certificates.js'
import { certificateFinding, certificatesIn, chainFindings } from '../findings/certificates.js'
import { flagOf } from '../options/declaration.js'
import type { Settings } from '../options/index.js'
import type { Area } from './report.js'

const AUTHORITIES = [
  'clientCa',
  'ldapCa',
  'oidcCa',
  'upstreamCa',
] as const satisfies readonly (keyof Settings)[]

/** The gate's own certificate, and the authorities it trusts. */
export function certificateAreas(settings: Settings): Area[] {
  const { tlsCert } = settings
  const areas: Area[] = []
  if (tlsCert !== undefined) {
    areas.push({
      name: '--tls-cert',
      async check() {
        readCertificate({ ...settings, clientCa: undefined })
        const pem = readFileSync(tlsCert)
        const certificate = new X509Certificate(pem)
        const names = (certificate.subjectAltName ?? certificate.subject).replaceAll('\n', ', ')
        return [
          { state: 'works', text: `${tlsCert} matches its key and is issued for ${names}` },
          ...chainFindings(tlsCert, pem),
        ]
      },
    })
  }
  for (const key of AUTHORITIES) {
    const path = settings[key]
    if (path === undefined) continue
    const name = flagOf(key)
    const check = async () =>
      certificatesIn(readCa(path, name)).map((certificate) =>
        certificateFinding(`${path}: ${certificate.subject.replaceAll('\n', ', ')}`, certificate),
      )
    areas.push({ name, check })
  }
  return areas
}

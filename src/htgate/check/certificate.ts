import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Finding } from '../../auth/provider.js'
import { readCertificate } from '../certificates.js'
import type { Settings } from '../options/index.js'
import type { Area } from './report.js'

const DAY = 86_400_000
/** Certificates that end sooner are warned of, in days. */
const SOON = 14

/** The gate's own certificate. */
export function certificateAreas(settings: Settings): Area[] {
  const { tlsCert } = settings
  if (tlsCert === undefined) return []
  return [
    {
      name: '--tls-cert',
      async check() {
        readCertificate(settings)
        return [judge(tlsCert, new X509Certificate(readFileSync(tlsCert)))]
      },
    },
  ]
}

function judge(path: string, { validFrom, validTo, subjectAltName, subject }: X509Certificate): Finding {
  const names = (subjectAltName ?? subject).replaceAll('\n', ', ')
  const days = Math.floor((Date.parse(validTo) - Date.now()) / DAY)
  if (Date.parse(validFrom) > Date.now()) {
    return { state: 'fails', text: `${path} is valid only from ${validFrom}`, hint: 'check the clock' }
  }
  if (Date.parse(validTo) <= Date.now()) {
    return { state: 'fails', text: `${path} expired on ${validTo}`, hint: 'renew it' }
  }
  const text = `${path} belongs to its key, is for ${names} and good for ${days} days`
  return days < SOON ? { state: 'warning', text, hint: 'renew it' } : { state: 'works', text }
}

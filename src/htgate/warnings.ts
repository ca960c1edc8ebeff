import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Finding } from '../auth/provider.js'
import type { Address } from '../system/address.js'
import { readCa } from './certificates.js'
import { certificateFinding } from './findings/certificates.js'
import { permissionFindings, usedFiles } from './findings/files.js'
import { plainCookieFindings, plainHttpFindings } from './findings/plain-http.js'
import { connectionFinding } from './findings/upstream.js'
import type { Settings } from './options/index.js'

// What an operator should know of at the start: it keeps htgate from nothing, but something is unsafe or will not work.
// A warning is one line, and says what to do.

const DAY = 86_400_000

/** About the files, and the certificate. */
export function fileWarnings(settings: Settings): string[] {
  const { tlsCert } = settings
  return [
    ...usedFiles(settings).flatMap((file) =>
      permissionFindings(file).map((finding) => lineOf(file.flag, finding)),
    ),
    ...(tlsCert === undefined ? [] : certificateWarnings(tlsCert)),
  ]
}

/** That the certificate has expired, or will soon. One that cannot be read is an error of its own. */
function certificateWarnings(tlsCert: string): string[] {
  try {
    const finding = certificateFinding(tlsCert, new X509Certificate(readFileSync(tlsCert)))
    return finding.state === 'works' ? [] : [lineOf('--tls-cert', finding)]
  } catch {
    return []
  }
}

/** Calls `report` once a day with what there is to say about the certificate, which ages while htgate runs. */
export function watchCertificate({ tlsCert }: Settings, report: (warning: string) => void): () => void {
  if (tlsCert === undefined) return () => {}
  const timer = setInterval(() => {
    for (const warning of certificateWarnings(tlsCert)) report(warning)
  }, DAY).unref()
  return () => clearInterval(timer)
}

/** About what is sent in clear text to `addresses`. */
export function transportWarnings(settings: Settings, addresses: readonly Address[]): string[] {
  return [
    ...plainHttpFindings(settings, addresses).map((finding) => lineOf('--listen', finding)),
    ...plainCookieFindings(settings).map((finding) => lineOf('--oidc-issuer', finding)),
  ]
}

/** That the upstream cannot be reached. */
export async function upstreamWarnings(settings: Settings): Promise<string[]> {
  const { upstream, upstreamCa, command } = settings
  // A command that htgate starts has answered by now.
  if (upstream === undefined || command !== undefined) return []
  const finding = await connectionFinding(upstream, upstreamCa === undefined ? undefined : readCa(upstreamCa))
  if (finding === undefined) return []
  return [
    lineOf('--upstream', { ...finding, text: `${finding.text}; requests are answered 502 until that works` }),
  ]
}

const lineOf = (flag: string, { text, hint }: Finding): string =>
  `warning: ${flag}: ${text}${hint === undefined ? '' : ` (hint: ${hint})`}`

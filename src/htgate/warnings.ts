import { readFileSync } from 'node:fs'
import type { Finding } from '../auth/provider.js'
import type { Address } from '../system/address.js'
import { readCa } from './certificates.js'
import { chainFindings } from './findings/certificates.js'
import { permissionFindings, usedFiles } from './findings/files.js'
import { plainCookieFindings, plainHttpFindings } from './findings/plain-http.js'
import { connectionFinding } from './findings/upstream.js'
import type { Settings } from './options/index.js'

// Warnings at the start about what is unsafe or will not work. htgate starts anyway. Each warning is one line, and says what to
// do.

const DAY = 86_400_000

/** Warnings about files and the certificate. */
export function fileWarnings(settings: Settings): string[] {
  const { tlsCert } = settings
  return [
    ...usedFiles(settings).flatMap((file) =>
      permissionFindings(file).map((finding) => lineOf(file.flag, finding)),
    ),
    ...(tlsCert === undefined ? [] : certificateWarnings(tlsCert)),
  ]
}

/** Warns if a certificate of the chain has expired or will soon. If it cannot be read, that is reported elsewhere. */
function certificateWarnings(tlsCert: string): string[] {
  try {
    return chainFindings(tlsCert, readFileSync(tlsCert))
      .filter(({ state }) => state !== 'works')
      .map((finding) => lineOf('--tls-cert', finding))
  } catch {
    return []
  }
}

/** Checks the certificate once a day while htgate runs, and calls `report` with warnings. Returns a function that stops it. */
export function watchCertificate({ tlsCert }: Settings, report: (warning: string) => void): () => void {
  if (tlsCert === undefined) return () => {}
  const timer = setInterval(() => {
    for (const warning of certificateWarnings(tlsCert)) report(warning)
  }, DAY).unref()
  return () => clearInterval(timer)
}

/** Warnings about what clients send in plain text to `addresses`. */
export function transportWarnings(settings: Settings, addresses: readonly Address[]): string[] {
  return [
    ...plainHttpFindings(settings, addresses).map((finding) => lineOf('--listen', finding)),
    ...plainCookieFindings(settings).map((finding) => lineOf('--oidc-issuer', finding)),
  ]
}

/** Warns if the upstream cannot be reached. */
export async function upstreamWarnings(settings: Settings): Promise<string[]> {
  const { upstream, upstreamCa, command } = settings
  // A command that htgate starts has responded by now.
  if (upstream === undefined || command !== undefined) return []
  const finding = await connectionFinding(upstream, upstreamCa === undefined ? undefined : readCa(upstreamCa))
  if (finding === undefined) return []
  return [
    lineOf('--upstream', { ...finding, text: `${finding.text}; requests get 502 until it can be reached` }),
  ]
}

const lineOf = (flag: string, { text, hint }: Finding): string =>
  `warning: ${flag}: ${text}${hint === undefined ? '' : ` (hint: ${hint})`}`

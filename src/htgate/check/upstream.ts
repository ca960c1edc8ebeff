import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Finding } from '../../auth/provider.js'
import type { UpstreamUrl } from '../../upstream/upstream.js'
import { readCa } from '../certificates.js'
import type { Settings } from '../options/index.js'
import type { Area } from './report.js'

/** Seconds that the upstream may take here. */
const PATIENCE = 10

/** The server behind the gate. */
export function upstreamAreas(settings: Settings): Area[] {
  const { upstream } = settings
  return upstream === undefined
    ? []
    : [{ name: '--upstream', check: async () => [await tryOut(settings, upstream)] }]
}

async function tryOut(settings: Settings, url: UpstreamUrl): Promise<Finding> {
  const path = `${url.prefix}/`
  try {
    const { statusCode = 0 } = await get(settings, url, path)
    const text = `${url.text} answers GET ${path} with ${statusCode}`
    if (statusCode < 500) return { state: 'works', text }
    return {
      state: 'warning',
      text,
      hint: 'the server behind the gate reports an error of its own; see its log',
    }
  } catch (error) {
    const { code = '', message } = firstOf(error as Error)
    const [why, hint] = WORDS[code] ?? [message]
    return { state: 'fails', text: `${url.text}: ${why}`, hint }
  }
}

function get(settings: Settings, url: UpstreamUrl, path: string): Promise<IncomingMessage> {
  const { upstreamCa, upstreamHost } = settings
  const target = new URL(path, url.origin)
  const options = {
    signal: AbortSignal.timeout(PATIENCE * 1000),
    ...(url.socketPath === undefined ? {} : { socketPath: url.socketPath }),
    ...(upstreamHost === undefined ? {} : { headers: { host: upstreamHost } }),
    ...(upstreamCa === undefined ? {} : { ca: readCa(upstreamCa) }),
  }
  return new Promise((resolve, reject) => {
    const send = target.protocol === 'https:' ? requestHttps : requestHttp
    const outgoing = send(target, { agent: false, ...options }, (response) => {
      response.destroy()
      resolve(response)
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

/** Of several addresses that were tried, the first one's error. */
const firstOf = (error: NodeJS.ErrnoException): NodeJS.ErrnoException =>
  error instanceof AggregateError ? error.errors[0] : error

const START = 'is the server running, and at this address?'
const TRUST = 'name the authority that signed it with --upstream-ca'

const WORDS: Readonly<Record<string, readonly [why: string, hint?: string]>> = {
  ECONNREFUSED: ['connection refused', START],
  ENOENT: ['no such socket', START],
  ENOTFOUND: ['no such host', 'check the spelling; in a container, names are those of its network'],
  EAI_AGAIN: ['the host name cannot be looked up at present'],
  EHOSTUNREACH: ['no route to the host'],
  ECONNRESET: ['it breaks off the connection', 'http:// or https://?'],
  ABORT_ERR: [`no answer within ${PATIENCE} s`, START],
  EPROTO: ['it does not speak TLS', 'write http:// in place of https://'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['it does not speak TLS', 'write http:// in place of https://'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'its certificate is for another name',
    'write the host as the certificate names it',
  ],
  CERT_HAS_EXPIRED: ['its certificate has expired', 'renew it there'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['its certificate is self-signed', TRUST],
  SELF_SIGNED_CERT_IN_CHAIN: ['its certificate is signed by an unknown authority', TRUST],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['its certificate is signed by an unknown authority', TRUST],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['its certificate is signed by an unknown authority', TRUST],
}

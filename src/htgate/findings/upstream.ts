import { connect, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Finding } from '../../auth/provider.js'
import type { UpstreamUrl } from '../../upstream/upstream.js'

/** How long the upstream may take to respond, in milliseconds. */
export const PATIENCE = 10_000
/** How long it may take to close its side of a closed connection, in milliseconds. */
const LINGER = 1000

/**
 * Connects to the upstream without sending anything.
 * @returns why that fails; undefined if it succeeds
 */
export function connectionFinding(
  { text, origin, socketPath }: UpstreamUrl,
  ca?: Buffer,
): Promise<Finding | undefined> {
  const { protocol, hostname, port } = new URL(origin)
  const host = hostname.replace(/^\[|\]$/g, '')
  const isTls = protocol === 'https:' && socketPath === undefined
  const to = { host, port: Number(port) || (isTls ? 443 : 80) }
  return new Promise((resolve) => {
    const socket = isTls
      ? connectTls({ ...to, servername: isIP(host) ? '' : host, ...(ca && { ca }) })
      : connect(socketPath === undefined ? to : { path: socketPath })
    const timer = setTimeout(() => end({ code: 'ABORT_ERR', message: '' }), PATIENCE).unref()
    const end = (error?: { code?: string; message: string }) => {
      clearTimeout(timer)
      resolve(error && troubleOf(text, error))
      if (error) socket.destroy()
      // A server may log a connection that is reset.
      else
        socket
          .resume()
          .setTimeout(LINGER, () => socket.destroy())
          .end()
    }
    socket.on('error', (error) => end(error)).on(isTls ? 'secureConnect' : 'connect', () => end())
  })
}

/** Explains a connection error of the upstream at `text`. */
export function troubleOf(text: string, error: { code?: string; message: string }): Finding {
  // If several addresses were tried, report the first one's error.
  const { code = '', message } = error instanceof AggregateError ? error.errors[0] : error
  const [why, hint] = WORDS[code] ?? [message]
  return { state: 'fails', text: `${text}: ${why}`, hint }
}

const START = 'is the server running, and at this address?'
const TRUST = 'trust the authority that issued it with --upstream-ca'
const NO_TLS = ['the server does not speak TLS', 'use http:// instead of https://'] as const

const WORDS: Readonly<Record<string, readonly [why: string, hint?: string]>> = {
  ECONNREFUSED: ['connection refused', START],
  ENOENT: ['no such socket', START],
  EACCES: ['permission denied', 'the socket must be writable by the user that htgate runs as'],
  ENOTFOUND: ['no such host', 'check the spelling; a container sees only the names on its own network'],
  EAI_AGAIN: ['temporary DNS failure'],
  EHOSTUNREACH: ['no route to the host'],
  ECONNRESET: ['the server reset the connection', 'http:// or https://?'],
  ABORT_ERR: [`no response within ${PATIENCE / 1000} s`, START],
  EPROTO: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'its certificate is for another name',
    'use a host name that is in the certificate',
  ],
  CERT_HAS_EXPIRED: ['its certificate has expired', 'renew it on the upstream'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['its certificate is self-signed', TRUST],
  SELF_SIGNED_CERT_IN_CHAIN: ['its certificate is signed by an unknown authority', TRUST],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['its certificate is signed by an unknown authority', TRUST],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['its certificate is signed by an unknown authority', TRUST],
}

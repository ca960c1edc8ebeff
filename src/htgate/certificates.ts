import { constants, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls'
import { reason } from '../system/errno.js'
import { errors } from './messages.js'

/**
 * Reads and validates the certificate and its key; undefined without `tlsCert` and `tlsKey`.
 * @throws Exit if a file cannot be used
 */
export function readCertificate(paths: {
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
  readonly clientCa?: string | undefined
  readonly clientCrl?: string | undefined
  readonly clientCertRequired?: boolean
}): TlsOptions | undefined {
  const { tlsCert, tlsKey, clientCa, clientCrl, clientCertRequired = false } = paths
  if (tlsCert === undefined || tlsKey === undefined) return undefined
  const cert = readPem('--tls-cert', tlsCert)
  const key = readPem('--tls-key', tlsKey)
  attempt({ cert }, (why) => errors.badCertificate(tlsCert, why))
  attempt({ key }, (why) => errors.badKey(tlsKey, why))
  attempt({ cert, key }, () => errors.keyMismatch(tlsCert, tlsKey))
  if (clientCa === undefined) return { cert, key }
  // By default, Node ends the handshake if no trusted authority issued the client certificate. Here, unless one is
  // required, such a connection counts as one without a certificate.
  return {
    cert,
    key,
    ca: readCa(clientCa, '--client-ca'),
    requestCert: true,
    rejectUnauthorized: clientCertRequired,
    // Resumed sessions lack the intermediate certificates, which may have been revoked.
    ...(clientCrl === undefined ? {} : { secureOptions: constants.SSL_OP_NO_TICKET }),
  }
}

/**
 * Reads certificates to trust, and checks them, since Node silently ignores anything that is not a certificate.
 * @throws Exit
 */
export function readCa(path: string, option = '--upstream-ca'): Buffer {
  const pem = readPem(option, path)
  try {
    new X509Certificate(pem)
  } catch (error) {
    throw errors.badCa(option, path, words(error as Error))
  }
  return pem
}

function readPem(option: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw errors.cannotRead(option, path, reason(error as Error))
  }
}

function attempt(context: SecureContextOptions, failed: (why: string) => Error): void {
  try {
    createSecureContext(context)
  } catch (error) {
    throw failed(words(error as Error))
  }
}

/** OpenSSL's message without its error numbers. */
const words = ({ message }: Error): string => message.replace(/^error:[^:]*:[^:]*::/, '')

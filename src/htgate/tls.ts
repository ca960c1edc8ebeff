import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { errors } from './messages.js'

/**
 * The certificate and its key, tried out; undefined if there are to be none.
 * @throws Exit that names what is wrong with which
 */
export function readCertificate(paths: {
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
}): SecureContextOptions | undefined {
  const { tlsCert, tlsKey } = paths
  if (tlsCert === undefined || tlsKey === undefined) return undefined
  const cert = readPem('--tls-cert', tlsCert)
  const key = readPem('--tls-key', tlsKey)
  attempt({ cert }, (why) => errors.badCertificate(tlsCert, why))
  attempt({ key }, (why) => errors.badKey(tlsKey, why))
  attempt({ cert, key }, () => errors.keyMismatch(tlsCert, tlsKey))
  return { cert, key }
}

export function readPem(option: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw errors.cannotRead(option, path, /^[A-Z0-9]+: (.*?), /.exec((error as Error).message)?.[1] ?? '')
  }
}

function attempt(context: SecureContextOptions, failed: (why: string) => Error): void {
  try {
    createSecureContext(context)
  } catch (error) {
    throw failed((error as Error).message.replace(/^error:[^:]*:[^:]*::/, ''))
  }
}

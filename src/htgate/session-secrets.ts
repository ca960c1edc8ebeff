import { hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseSecrets } from '../auth/sessions/seal.js'
import { reason } from '../system/errno.js'
import { Exit, ExitStatus } from './exit-status.js'
import { errors } from './messages.js'
import type { Settings } from './options/index.js'

/** The secrets in --session-secret-file, newest first. @throws Exit if the file cannot be used */
export function readSessionSecrets(path: string): string[] {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    throw errors.cannotRead('--session-secret-file', path, reason(error as Error))
  }
  try {
    return parseSecrets(content)
  } catch (error) {
    const hint = 'hint: create one with: openssl rand -base64 48'
    throw new Exit(ExitStatus.failed, `--session-secret-file: ${path}: ${(error as Error).message}\n${hint}`)
  }
}

/**
 * The key that assigns stand-ins to unknown users. If it differed after a restart or in another replica, some unknown names
 * would take another time there, unlike existing ones. It is derived from the secret file, which persists and is shared;
 * without one, it lasts as long as the processes.
 * @param sharedKey the processes' shared key
 * @throws Exit if the file cannot be used
 */
export function standInKey({ sessionSecretFile: path }: Settings, sharedKey: Buffer): Buffer {
  if (path === undefined) return sharedKey
  const [newest] = readSessionSecrets(path) as [string]
  return Buffer.from(hkdfSync('sha256', newest, 'htgate', 'htgate 1 stand-ins', 32))
}

import { hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseSecrets } from '../auth/sessions/seal.js'
import { reason } from '../system/errno.js'
import { Exit, ExitStatus } from './exit-status.js'
import { errors } from './messages.js'
import type { Settings } from './options/index.js'

/** The secrets of --session-secret-file, the newest first. @throws Exit for a file that can't be used */
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
    const hint = 'hint: make one with: openssl rand -base64 48'
    throw new Exit(ExitStatus.failed, `--session-secret-file: ${path}: ${(error as Error).message}\n${hint}`)
  }
}

/**
 * The key that assigns stand-ins to unknown users. Were it another after a restart, or in another replica, the time that
 * some unknown names take would change and that of existing ones would not. The secret file is what lasts and is shared;
 * without one, the key lasts as long as the processes.
 * @param sharedKey that of the processes
 * @throws Exit for a file that can't be used
 */
export function standInKey({ sessionSecretFile: path }: Settings, sharedKey: Buffer): Buffer {
  if (path === undefined) return sharedKey
  const [newest] = readSessionSecrets(path) as [string]
  return Buffer.from(hkdfSync('sha256', newest, 'htgate', 'htgate 1 stand-ins', 32))
}

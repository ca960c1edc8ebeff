import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import {
  type AuthEvent,
  type Authenticator,
  type AuthenticatorOptions,
  createAuthenticator,
} from '../../src/index.js'
import { temporaryFolder } from './folder.js'

/** HTGATE_FULL=1 runs the tests with random input at full length. */
export const isFull = process.env.HTGATE_FULL === '1'

export interface Subject extends Authenticator {
  readonly file: string
  readonly events: AuthEvent[]
}

/** An authenticator over a file with `lines`, closed after the test. */
export async function authenticatorFor(
  lines: readonly string[],
  options: Partial<AuthenticatorOptions> = {},
): Promise<Subject> {
  const file = join(temporaryFolder(), '.htpasswd')
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  return authenticatorAt(file, options)
}

/** An authenticator over `file`, closed after the test. */
export async function authenticatorAt(
  file: string,
  options: Partial<AuthenticatorOptions> = {},
): Promise<Subject> {
  const events: AuthEvent[] = []
  const authenticator = await createAuthenticator({
    file,
    onEvent: (event) => events.push(event),
    ...options,
  })
  onTestFinished(() => authenticator.close())
  return Object.assign(authenticator, { file, events })
}

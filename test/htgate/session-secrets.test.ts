import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Settings } from '../../src/htgate/options/index.js'
import { readSessionSecrets, standInKey } from '../../src/htgate/session-secrets.js'
import { temporaryFolder } from '../support/folder.js'

const secretFile = (content: string): string => {
  const path = join(temporaryFolder(), 'session')
  writeFileSync(path, content, { mode: 0o600 })
  return path
}
const OLD = 'o'.repeat(40)
const NEW = 'n'.repeat(40)

describe('the key that assigns stand-ins', () => {
  const keyOf = (sessionSecretFile: string | undefined, sharedKey = randomBytes(32)) =>
    standInKey({ sessionSecretFile } as Settings, sharedKey).toString('hex')

  test('is the same after a restart and in each replica with the same secret file', () => {
    const path = secretFile(`${NEW}\n`)
    expect(keyOf(path)).toBe(keyOf(path))
    expect(keyOf(path)).toBe(keyOf(secretFile(`# newest first\n${NEW}\n${OLD}\n`)))
  })

  test('differs with the secret, and is not the secret', () => {
    const key = keyOf(secretFile(`${NEW}\n`))
    expect(key).not.toBe(keyOf(secretFile(`${OLD}\n`)))
    expect(Buffer.from(key, 'hex').toString('latin1')).not.toContain('nnnn')
  })

  test('is shared by the processes if there is no secret file', () => {
    const sharedKey = randomBytes(32)
    expect(keyOf(undefined, sharedKey)).toBe(sharedKey.toString('hex'))
  })
})

test.each([
  ['too short\n', 'line 1 is shorter than 32 characters'],
  ['# nothing\n\n', 'the file has no secret'],
])('a secret file with %j is rejected, with the command that creates one', (content, message) => {
  const path = secretFile(content)
  expect(() => readSessionSecrets(path)).toThrow(
    `--session-secret-file: ${path}: ${message}\nhint: create one with: openssl rand -base64 48`,
  )
})

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { OUR_HTGATE, startHtgate } from '../support/htgate.js'
import { statusFor } from '../support/requests.js'
import { OUR_HTPASSWD, run } from '../support/run.js'

test('--rehash replaces a weak record at a login, and the password keeps working', async () => {
  const cwd = temporaryFolder()
  const file = join(cwd, '.htpasswd')
  await run(process.execPath, [OUR_HTPASSWD, '-cbs', file, 'ann', 'secret'])
  const gate = await startHtgate(['--file', file, '--forward-auth', '--rehash', 'bcrypt:5'])
  onTestFinished(() => gate.stop())

  expect(await statusFor(gate.url, 'ann', 'secret')).toBe(200)
  await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toMatch(/^ann:\$2y\$05\$/), 30_000)
  await vi.waitFor(
    () => expect(gate.output()).toContain('rehashed the record of \\"ann\\" with bcrypt'),
    30_000,
  )
  expect(await statusFor(gate.url, 'ann', 'secret')).toBe(200)
  expect(await statusFor(gate.url, 'ann', 'wrong')).toBe(401)
})

test.each(['bcrypt:3', 'sha1', 'bcrypt:x', 'sha512-crypt:5'])('--rehash %s is rejected', async (value) => {
  const file = join(temporaryFolder(), '.htpasswd')
  writeFileSync(file, '')
  const args = ['--file', file, '--forward-auth', '--listen', '127.0.0.1:1', '--rehash', value]
  const { status, stderr } = await run(process.execPath, [OUR_HTGATE, ...args])
  expect(status).toBe(2)
  expect(stderr.toString()).toContain(`--rehash: '${value}' is not bcrypt:4 to 17`)
})

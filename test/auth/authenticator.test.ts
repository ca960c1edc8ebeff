import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'htgate-'))
})
afterEach(() => rm(folder, { recursive: true }))

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

test('a user with the right password is let in, and remembered', async () => {
  const file = join(folder, '.htpasswd')
  await writeFile(file, `ann:{SHA}${createHash('sha1').update('s:crèt').digest('base64')}\n`)
  const authenticator = await createAuthenticator({ file })

  expect(await authenticator.authenticate(basic('ann', 's:crèt'))).toEqual({ ok: true, user: 'ann' })
  expect(authenticator.remembered(basic('ann', 's:crèt'))).toEqual({ ok: true, user: 'ann' })
  expect(authenticator.remembered(basic('ann', 'wrong'))).toBeUndefined()
  expect(await authenticator.authenticate(basic('ann', 'wrong'))).toEqual({
    ok: false,
    reason: 'denied',
    user: 'ann',
  })
  await authenticator.close()
})

test('without the file nobody gets in', async () => {
  const authenticator = await createAuthenticator({ file: join(folder, 'none') })
  expect(await authenticator.authenticate(basic('ann', 'x'))).toMatchObject({
    ok: false,
    reason: 'unavailable',
  })
  await authenticator.close()
})

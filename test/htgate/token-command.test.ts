import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { htgateHere } from '../support/htgate.js'

const htgate = (args: readonly string[], env: Record<string, string> = {}) =>
  htgateHere(['token', ...args], env)

test('create prints only the token, and stores its SHA-256', async () => {
  const file = join(temporaryFolder(), 'tokens')
  const made = await htgate([
    'create',
    '--user',
    'ci',
    '--role',
    'write',
    '--expires',
    '90d',
    '--token-file',
    file,
  ])
  expect(made).toMatchObject({ status: 0 })
  expect(made.stdout).toMatch(/^htg_[0-9A-Za-z]{49}\n$/)
  expect(made.stderr).toMatch(
    /^htgate: token [0-9a-f]{16} for ci: write, expires \d{4}-\d\d-\d\dT\S+Z; it cannot be shown again\n$/,
  )
  const content = readFileSync(file, 'utf8')
  expect(content).not.toContain(made.stdout.trim())
  expect(content).toContain(createHash('sha256').update(made.stdout.trim()).digest('hex'))
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('list shows tokens, and revoke removes them', async () => {
  const env = { HTGATE_TOKEN_FILE: join(temporaryFolder(), 'tokens') }
  await htgate(['create', '-u', 'ci', '-r', 'write', '-n', 'nightly build'], env)
  await htgate(['create', '-u', 'ann', '-r', 'read', '-e', 'never'], env)
  const list = await htgate(['list'], env)
  expect(list.stdout).toMatch(/^ID +USER +ROLE +CREATED +EXPIRES +LAST USED +NAME\n/)
  expect(list.stdout).toMatch(
    /\n[0-9a-f]{16} +ci +write +\d{4}-\d\d-\d\d +\d{4}-\d\d-\d\d +never +nightly build\n/,
  )
  expect(list.stdout).toMatch(/\n[0-9a-f]{16} +ann +read +\S+ +never +never\n/)
  const json = JSON.parse((await htgate(['list', '--json', '--user', 'ci'], env)).stdout)
  expect(json).toMatchObject([{ user: 'ci', role: 'write', lastUsed: null, name: 'nightly build' }])

  expect(await htgate(['revoke', json[0].id, '--user', 'ann'], env)).toMatchObject({ status: 1 })
  expect(await htgate(['revoke', json[0].id], env)).toMatchObject({
    status: 0,
    stderr: 'htgate: 1 token revoked\n',
  })
  expect(await htgate(['revoke', json[0].id], env)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`no token ${json[0].id} in `),
  })
  expect((await htgate(['revoke', '--user', 'ann'], env)).stderr).toBe('htgate: 1 token revoked\n')
  expect(JSON.parse((await htgate(['list', '--json'], env)).stdout)).toEqual([])
})

test.each([
  [['create', '--role', 'read'], '--token-file is required'],
  [['create', '--role', 'read', '-t', 'x'], '--user is required: the owner of the token'],
  [['create', '--user', 'ci', '-t', 'x'], '--role is required: read, write or admin'],
  [['create', '--user', 'ci', '--role', 'root', '-t', 'x'], "--role: 'root' is not read, write or admin"],
  [['create', '--user', 'c\ni', '--role', 'read', '-t', 'x'], 'the user name contains a control character'],
  [['create', '--user', 'ci', '--role', 'read', '-e', '3y', '-t', 'x'], "--expires: '3y' is not a time"],
  [['create', '--user', 'ci', '--role', 'read', '-e', '0d', '-t', 'x'], "--expires: '0d' is not a time"],
  [['revoke', '-t', 'x'], 'IDs, --user or --expired is required'],
  [['remove', '-t', 'x'], 'unknown command'],
])('%j is rejected', async (args, message) => {
  const refused = await htgate(args)
  expect(refused.status).toBe(2)
  expect(refused.stderr).toContain(message)
  expect(existsSync('x')).toBe(false)
})

test('a file that cannot be read is an error', async () => {
  const list = await htgate(['list', '-t', '/nonexistent/tokens'])
  expect(list).toMatchObject({ status: 1 })
  expect(list.stderr).toMatch(/^htgate: cannot read \/nonexistent\/tokens: /)
})

test('list reports lines that are not token records', async () => {
  const file = join(temporaryFolder(), '.htpasswd')
  writeFileSync(file, '# users\nalice:x\nbob:y\n')
  expect(await htgate(['list', '-t', file])).toMatchObject({
    status: 0,
    stderr: `htgate: ${file}: lines 2, 3: not a token record, skipped\n`,
  })
})

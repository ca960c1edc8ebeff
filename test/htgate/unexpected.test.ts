import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { OUR_HTGATE } from '../support/htgate.js'
import { OUR_HTPASSWD, run } from '../support/run.js'

// Unexpected errors: one message for users, the stack for those who ask for it.

/** Runs a command in which an error is thrown that nothing catches. */
function crash(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const bomb = join(temporaryFolder(), 'bomb.cjs')
  writeFileSync(bomb, `process.nextTick(() => { throw new Error('boom') })`)
  return run(process.execPath, ['--require', bomb, command, ...args], { env })
}

describe.each([
  ['htgate', OUR_HTGATE, ['--version'], 'htgate: unexpected error: boom'],
  ['htpasswd', OUR_HTPASSWD, ['-nbB', 'alice', 'secret'], 'htpasswd: boom'],
])('a crash of %s', (_, command, args, message) => {
  test('is one message and status 1', async () => {
    const { status, stderr } = await crash(command, args)
    expect(stderr.toString().split('\n')[0]).toBe(message)
    expect(stderr.toString()).not.toMatch(/^\s+at /m)
    expect(status).toBe(1)
  })

  test('has its stack with HTGATE_DEBUG=1', async () => {
    const { status, stderr } = await crash(command, args, { HTGATE_DEBUG: '1' })
    expect(stderr.toString()).toMatch(/Error: boom\n\s+at .*bomb\.cjs/)
    expect(status).toBe(1)
  })
})

test.each([
  ['--help', ['--help']],
  ['--check', ['--check', '--file', '/no/such/file', '--upstream', 'http://127.0.0.1:1']],
  ['token create', ['token', 'create', '--user', 'ci', '--role', 'read', '--token-file']],
])('%s says that it cannot write to a full disk', async (_, args) => {
  const all = args.at(-1) === '--token-file' ? [...args, join(temporaryFolder(), 'tokens')] : args
  const script = '"$@" > /dev/full'
  const result = await run('/bin/sh', ['-c', script, 'sh', process.execPath, OUR_HTGATE, ...all])
  expect(result.stderr.toString()).toMatch(
    /^htgate: cannot write to standard output: no space left on device$/m,
  )
  expect(result.status).toBe(1)
})

test('a reader that has gone is no error', async () => {
  const script = '"$@" | true'
  const args = [process.execPath, OUR_HTGATE, '--help']
  const { stderr } = await run('/bin/sh', ['-c', script, 'sh', ...args])
  expect(stderr.toString()).toBe('')
})

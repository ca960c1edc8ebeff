import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pathWithHtpasswd } from '../support/command-path.js'
import { temporaryFolder } from '../support/folder.js'
import { describeWith, peer } from '../support/peers.js'
import { run } from '../support/run.js'

/** The script itself times out sooner, and reports where. */
const MINUTES = 5 * 60_000

describeWith(['expect', 'setsid'], 'the terminal sessions in prompts.exp', () => {
  test('ours', () => drive('ours'), MINUTES)
})

describeWith(['expect', 'setsid', 'htpasswd'], 'the terminal sessions in prompts.exp', () => {
  test('Apache’s', () => drive('apache'), MINUTES)
})

async function drive(whose: 'apache' | 'ours'): Promise<void> {
  const folder = temporaryFolder()
  const env = { PATH: pathWithHtpasswd(whose, folder), LC_ALL: 'C.UTF-8' }
  const cwd = join(folder, 'session')
  mkdirSync(cwd)
  const script = join(import.meta.dirname, 'prompts.exp')
  const { status, stdout, stderr } = await run(peer('expect') as string, [script, whose], { cwd, env })
  expect(status, `${stdout}${stderr}`).toBe(0)
}

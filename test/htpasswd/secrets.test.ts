import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { OUR_HTPASSWD } from '../support/run.js'

test.runIf(process.platform === 'linux')(
  'ps does not show the password of -b while it is hashed',
  async () => {
    // A cost that takes seconds.
    const args = [OUR_HTPASSWD, '-nbBC', '16', 'alice', 'open-sesame']
    const child = spawn(process.execPath, args, { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.on('close', resolve))
    const commandLine = () => readFileSync(`/proc/${child.pid}/cmdline`, 'latin1')
    await vi.waitUntil(() => commandLine().startsWith('htpasswd'), { timeout: 30_000, interval: 5 })
    expect(commandLine()).not.toContain('sesame')
    child.kill('SIGKILL')
    await ended
  },
)

// A password file of a million users: loaded at the start, and reloaded while logins go on.
import { spawnSync } from 'node:child_process'
import { appendFileSync, writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createAuthenticator, hash } from '../../dist/index.js'
import { firstLibrary, firstRelease } from '../support/first-release.js'
import { inTemporaryFolder, median, printTable } from '../support/measure.js'
import { records } from '../support/records.js'

const RUNS = 5

// Measures in a separate process, whose memory is only the authenticator's.
if (process.argv.includes('--measured')) {
  await measure(process.argv.includes('--first') ? await firstLibrary() : { createAuthenticator })
} else {
  await inTemporaryFolder(async () => {
    writeFileSync('users', `${records('user', 1_000_000)}ann:${await hash('secret', { cost: 10 })}\n`)
    const inProcess = (...flags) => {
      const args = [fileURLToPath(import.meta.url), '--measured', ...flags]
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      if (stderr) throw new Error(stderr)
      return JSON.parse(stdout)
    }
    const ours = []
    const first = []
    for (let run = 0; run < RUNS; run++) {
      ours.push(inProcess())
      if (firstRelease() !== undefined) first.push(inProcess('--first'))
    }
    const row = (title, name, goal, digits = 0) => {
      const of = (runs) => (runs.length === 0 ? '' : median(runs.map((run) => run[name])).toFixed(digits))
      return [title, of(ours), of(first), goal]
    }
    printTable([
      ['a file of a million users', 'median', 'with 0.1', 'goal'],
      row('load, ms', 'load', '3000'),
      row('memory afterwards, MB', 'memory', '300'),
      row('longest event loop delay while loading, ms', 'wait', '50'),
      row('reload, ms after the change', 'reload', '1000'),
      row('longest event loop delay while reloading, ms', 'reloadWait', '50'),
      row('slowest response to a logged-in user while reloading, ms', 'answer', '', 2),
      row('peak memory, MB', 'peak', ''),
    ])
  })
}

async function measure({ createAuthenticator }) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  const authenticator = await createAuthenticator({ file: 'users' })
  const load = performance.now() - start
  await sleep(10)
  const wait = delay.max / 1e6
  const memory = process.memoryUsage.rss() / 1e6

  const header = `Basic ${Buffer.from('ann:secret').toString('base64')}`
  await authenticator.authenticate(header)
  delay.reset()
  const changed = performance.now()
  appendFileSync('users', `# ${process.pid}\n`)
  let answer = 0
  while (authenticator.counters().reloads < 2) {
    const asked = performance.now()
    if (!(await authenticator.authenticate(header)).ok) throw new Error('not cached')
    answer = Math.max(answer, performance.now() - asked)
    await sleep(1)
  }
  const reload = performance.now() - changed
  await sleep(10)
  const reloadWait = delay.max / 1e6
  await authenticator.close()
  const peak = process.resourceUsage().maxRSS / 1e3
  console.log(JSON.stringify({ load, wait, memory, reload, reloadWait, answer, peak }))
}

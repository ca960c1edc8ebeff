// A file of a million users: read at the start, and read again while others are served.
import { spawnSync } from 'node:child_process'
import { appendFileSync, writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createAuthenticator, hash } from '../../dist/index.js'
import { inTemporaryFolder, median, printTable } from '../support/measure.js'
import { records } from '../support/records.js'

const RUNS = 5

// In a process of its own, whose memory is that of the authenticator and nothing else.
if (process.argv.includes('--measured')) await measure()
else {
  await inTemporaryFolder(async () => {
    writeFileSync('users', `${records('user', 1_000_000)}ann:${await hash('secret', { cost: 10 })}\n`)
    const runs = Array.from({ length: RUNS }, () => {
      const args = [fileURLToPath(import.meta.url), '--measured']
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      if (stderr) throw new Error(stderr)
      return JSON.parse(stdout)
    })
    const of = (name, digits = 0) => median(runs.map((run) => run[name])).toFixed(digits)
    printTable([
      ['a file of a million users', 'median', 'goal'],
      ['read, ms', of('load'), '3000'],
      ['memory with it, MB', of('memory'), '300'],
      ['longest wait of the event loop meanwhile, ms', of('wait'), '50'],
      ['read again after a change, ms after it', of('reload'), '1000'],
      ['longest wait meanwhile, ms', of('reloadWait'), '50'],
      ['longest answer to a remembered user meanwhile, ms', of('answer', 2), ''],
      ['most memory in all, MB', of('peak'), ''],
    ])
  })
}

async function measure() {
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
    if (!(await authenticator.authenticate(header)).ok) throw new Error('not remembered')
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

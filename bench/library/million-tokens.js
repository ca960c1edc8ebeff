// A file of a million tokens, compared with one of a million users: read at the start, looked up, and written with the day of the
// last use while others are served. node bench/library/million-tokens.js [COUNT]
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createPasswordFileProvider } from '../../dist/auth/providers/password-file/provider.js'
import { TokenProvider } from '../../dist/auth/providers/tokens/provider.js'
import { recordOf, serialize } from '../../dist/auth/providers/tokens/records.js'
import { makeToken } from '../../dist/auth/providers/tokens/token.js'
import { hash } from '../../dist/index.js'
import { inTemporaryFolder, median, printTable } from '../support/measure.js'
import { records } from '../support/records.js'

const RUNS = 3
const LOOKUPS = 200_000
/** Milliseconds. */
const PATIENCE = 60_000
const [, , count = '1000000', kind] = process.argv

if (kind !== undefined) await (kind === 'users' ? measureUsers() : measureTokens())
else {
  await inTemporaryFolder(async () => {
    await write(Number(count))
    const runs = (what) =>
      Array.from({ length: RUNS }, () => {
        const args = [fileURLToPath(import.meta.url), count, what]
        const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
        if (stderr) throw new Error(stderr)
        return JSON.parse(stdout)
      })
    const [users, tokens] = [runs('users'), runs('tokens')]
    const of = (all, name, digits = 0) => median(all.map((run) => run[name])).toFixed(digits)
    printTable([
      [`${count} of each`, 'users', 'tokens'],
      ['read, ms', of(users, 'load'), of(tokens, 'load')],
      ['longest wait of the event loop meanwhile, ms', of(users, 'wait'), of(tokens, 'wait')],
      ['memory with it, MB', of(users, 'memory'), of(tokens, 'memory')],
      ['a remembered login looked up, µs', of(users, 'lookup', 2), of(tokens, 'lookup', 2)],
      ['last use written and the file read again, ms after it', '', of(tokens, 'written')],
      ['longest wait of the event loop meanwhile, ms', '', of(tokens, 'writeWait')],
    ])
  })
}

/** The files `users` and `tokens`, with a login of each that is known. */
async function write(count) {
  writeFileSync('users', `${records('user', count)}ann:${await hash('secret', { cost: 4 })}\n`)
  const now = Date.now()
  const of = (name) => ({ user: name, role: 'write', created: now, groups: [], name: 'ci' })
  const lines = Array.from({ length: count }, (_, i) => {
    const digest = createHash('sha256').update(`token ${i}`).digest('hex')
    return serialize({ ...of(`user${i}`), digest })
  })
  const token = makeToken()
  writeFileSync('tokens', Buffer.concat([...lines, serialize(recordOf(token, of('ann')))]))
  writeFileSync('token', token)
}

async function loaded(open) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  const provider = await open()
  const load = performance.now() - start
  await sleep(10)
  return { provider, delay, load, wait: delay.max / 1e6, memory: process.memoryUsage.rss() / 1e6 }
}

/** Microseconds of one lookup. */
function lookup(provider, credential) {
  const start = performance.now()
  for (let i = 0; i < LOOKUPS; i++) if (!provider.remembered(credential)) throw new Error('not remembered')
  return ((performance.now() - start) * 1000) / LOOKUPS
}

async function measureUsers() {
  const options = { file: 'users', workers: 1, cacheSize: 10, cacheTtl: 3_600_000 }
  const { provider, delay: _, ...figures } = await loaded(() => createPasswordFileProvider(options))
  const [user, password] = [Buffer.from('ann'), Buffer.from('secret')]
  const credential = { kind: 'basic', name: 'ann', user, password }
  if (!(await provider.verify(credential, '')).ok) throw new Error('refused')
  console.log(JSON.stringify({ ...figures, lookup: lookup(provider, credential) }))
  await provider.close()
}

async function measureTokens() {
  // Each run begins with a token that has not been used: its use is written once a day.
  copyFileSync('tokens', 'unused-tokens')
  const { provider, delay, ...figures } = await loaded(async () => {
    const provider = new TokenProvider({ file: 'unused-tokens' })
    await provider.start()
    return provider
  })
  const credential = { kind: 'bearer', token: readFileSync('token', 'utf8') }
  const before = provider.measures().counts.reloads
  delay.reset()
  const used = performance.now()
  if (!provider.remembered(credential)) throw new Error('not remembered')
  while (provider.measures().counts.reloads === before) {
    if (performance.now() - used > PATIENCE) throw new Error('the last use was not written')
    await sleep(5)
  }
  const written = performance.now() - used
  const writeWait = delay.max / 1e6
  const today = new Date().toISOString().slice(0, 10)
  if (!readFileSync('unused-tokens').subarray(-200).toString().trimEnd().endsWith(today))
    throw new Error('not written')
  console.log(JSON.stringify({ ...figures, written, writeWait, lookup: lookup(provider, credential) }))
  await provider.close()
}

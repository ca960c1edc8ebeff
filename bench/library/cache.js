// The cost of a cached login, in this version and in 0.1, compared with hashing the password on every request, as a proxy
// without a cache does.
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createAuthenticator, hash } from '../../dist/index.js'
import { firstLibrary } from '../support/first-release.js'
import { inTemporaryFolder, median, printTable } from '../support/measure.js'

const BATCHES = 300
const BATCH = 1_000
const WITHOUT_MS = 5_000

const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const sha1 = (text) => `{SHA}${createHash('sha1').update(text).digest('base64')}`

const first = await firstLibrary()

await inTemporaryFolder(async () => {
  const rows = [['users in the file', 'cache hit, median µs', 'with 0.1', 'goal']]
  const encoded = sha1('correct horse')
  for (const users of [1, 1_000, 1_000_000]) {
    writeFileSync('users', Array.from({ length: users }, (_, i) => `user${i}:${encoded}\n`).join(''))
    // Active users, spread over the file.
    const active = Math.min(users, 1_000)
    const headers = Array.from({ length: active }, (_, i) =>
      basic(`user${Math.floor((i * users) / active)}`, 'correct horse'),
    )
    const ours = await hit(headers)
    const before = first ? (await hit(headers, first)).toFixed(2) : ''
    rows.push([users.toLocaleString('en'), ours.toFixed(2), before, '5'])
  }
  printTable(rows)

  console.log()
  writeFileSync('users', `ann:${await hash('correct horse', { cost: 10 })}\n`)
  const header = basic('ann', 'correct horse')
  const remembered = 1e6 / (await hit([header]))
  const each = await withoutCache(header, 1)
  const parallel = await withoutCache(header, undefined)
  printTable([
    ['bcrypt, cost 10', 'verifications/s', 'ratio', 'goal'],
    ['cached', Math.round(remembered).toLocaleString('en'), '', ''],
    ['hashed each time, one at a time', each.toFixed(1), ratio(remembered / each), '10,000'],
    ['hashed each time, all CPUs', parallel.toFixed(1), ratio(remembered / parallel), '10,000'],
  ])
})

function ratio(number) {
  return Math.round(number).toLocaleString('en')
}

/** The time of one cache hit, in µs. */
async function hit(headers, library = { createAuthenticator }) {
  const authenticator = await library.createAuthenticator({ file: 'users' })
  for (const header of headers) await authenticator.authenticate(header)
  const times = []
  for (let batch = 0; batch < BATCHES; batch++) {
    const start = performance.now()
    for (let i = 0; i < BATCH; i++) {
      if (!authenticator.authenticate(headers[i % headers.length]).ok) throw new Error('not cached')
    }
    times.push(((performance.now() - start) * 1e3) / BATCH)
  }
  await authenticator.close()
  return median(times)
}

/** Verifications per second without a cache. The passwords differ, so that no two logins share a hash. */
async function withoutCache(right, workers) {
  const authenticator = await createAuthenticator({ file: 'users', cacheSize: 0, workers })
  await authenticator.authenticate(right)
  const start = performance.now()
  const end = start + WITHOUT_MS
  let count = 0
  const ask = async (name) => {
    for (let i = 0; performance.now() < end; i++, count++) {
      await authenticator.authenticate(basic('ann', `${name} ${i}`))
    }
  }
  await Promise.all(workers === 1 ? [ask('a')] : ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(ask))
  const rate = (count * 1e3) / (performance.now() - start)
  await authenticator.close()
  return rate
}

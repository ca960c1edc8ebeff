// 256 clients that guess passwords without a pause, against bcrypt, while users log in with the right ones.
import { setMaxListeners } from 'node:events'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAuthenticator, hash } from '../../dist/index.js'
import { inTemporaryFolder, printTable } from '../support/measure.js'

const SECONDS = 10
const CLIENTS = 256

const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

await inTemporaryFolder(async () => {
  const encoded = await hash('secret', { cost: 12 })
  const newcomers = Array.from({ length: 8 }, (_, i) => `new${i}`)
  writeFileSync('users', ['ann', 'bob', ...newcomers].map((user) => `${user}:${encoded}\n`).join(''))
  const authenticator = await createAuthenticator({ file: 'users' })
  await authenticator.authenticate(basic('ann', 'secret'))

  const end = performance.now() + SECONDS * 1e3
  const isOver = () => performance.now() > end
  const gone = new AbortController()
  setMaxListeners(0, gone.signal)
  let longestQueue = 0
  const flood = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let i = 0; !isOver(); i++) {
      const guess = basic('bob', `guess ${client} ${i}`)
      const verdict = await authenticator.authenticate(guess, '10.0.0.1', gone.signal)
      longestQueue = Math.max(longestQueue, authenticator.counters().queued)
      // A client that is refused as busy retries at once.
      if (verdict.reason === 'busy') await sleep(1)
    }
  })

  const answers = []
  const remembered = async () => {
    while (!isOver()) {
      const start = performance.now()
      if (!(await authenticator.authenticate(basic('ann', 'secret'))).ok) throw new Error('denied')
      answers.push(performance.now() - start)
      await sleep(1)
    }
  }
  const waits = []
  const comeIn = async () => {
    for (const user of newcomers) {
      const start = performance.now()
      while (!(await authenticator.authenticate(basic(user, 'secret'), '10.0.0.1')).ok) await sleep(10)
      waits.push(performance.now() - start)
    }
  }
  await Promise.all([remembered(), comeIn()])
  gone.abort()
  await Promise.all(flood)
  const { hashes, busy, denied } = authenticator.counters()
  await authenticator.close()

  answers.sort((a, b) => a - b)
  const at = (share) => answers[Math.floor((answers.length - 1) * share)].toFixed(3)
  printTable([
    [`${CLIENTS} clients guess for ${SECONDS} s, bcrypt cost 12`, 'measured', 'goal'],
    ['guesses hashed and denied', denied, ''],
    ['guesses refused as busy', busy, ''],
    ['hashes per second', (hashes / SECONDS).toFixed(1), ''],
    ['longest queue', longestQueue, 'bounded'],
    ['response to a cached user, median ms', at(0.5), '1'],
    ['the same, 99th percentile, ms', at(0.99), '1'],
    ['slowest first login of a new user from the same address, ms', Math.max(...waits).toFixed(0), '5000'],
  ])
})

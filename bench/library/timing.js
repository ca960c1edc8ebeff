// Whether response times reveal which users exist: unknown users and wrong passwords, in turn.
import { writeFileSync } from 'node:fs'
import { createAuthenticator, hash } from '../../dist/index.js'
import { inTemporaryFolder, median, printTable } from '../support/measure.js'

const PAIRS = 2_000

const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

await inTemporaryFolder(async () => {
  const rows = [['2,000 each, medians', 'unknown user, ms', 'wrong password, ms', 'difference', 'goal']]
  for (const options of [{ scheme: 'bcrypt', cost: 5 }, { scheme: 'apr1' }]) {
    const lines = []
    for (let i = 0; i < 50; i++) lines.push(`user${i}:${await hash(`secret ${i}`, options)}\n`)
    writeFileSync('users', lines.join(''))
    const authenticator = await createAuthenticator({ file: 'users', workers: 1 })
    const ask = async (user, password) => {
      const start = performance.now()
      await authenticator.authenticate(basic(user, password))
      return performance.now() - start
    }
    const unknown = []
    const wrong = []
    for (let i = -100; i < PAIRS; i++) {
      // Each goes first equally often, since the first may find the machine in a different state.
      const asks = [() => ask(`eve${i + 100}`, 'guess'), () => ask(`user${(i + 100) % 50}`, 'guess')]
      const first = i & 1
      const times = []
      times[first] = await asks[first]()
      times[1 - first] = await asks[1 - first]()
      if (i < 0) continue
      unknown.push(times[0])
      wrong.push(times[1])
    }
    await authenticator.close()
    const [a, b] = [median(unknown), median(wrong)]
    const differ = `${(Math.abs(a / b - 1) * 100).toFixed(2)} %`
    rows.push([Object.values(options).join(' '), a.toFixed(3), b.toFixed(3), differ, '2 %'])
  }
  printTable(rows)
})

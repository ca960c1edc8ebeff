// Adding a user to a file of a million, compared with Apache's htpasswd.
import { statSync, writeFileSync } from 'node:fs'
import { HTPASSWD, has, inTemporaryFolder, paired, peakMemory, printTable } from '../support/measure.js'
import { records } from '../support/records.js'

const USERS = 1_000_000

if (!has('htpasswd')) {
  console.log("skipped: Apache's htpasswd not found (package apache2-utils)")
  process.exit(0)
}

await inTemporaryFolder(() => {
  writeFileSync('users', records('user', USERS))
  const line = ['-bs', 'users', 'newcomer', 'secret']
  const { a, b, ratio } = paired([...HTPASSWD, ...line], ['htpasswd', ...line], { runs: 7 })
  const { size } = statSync('users')
  const peak = peakMemory([...HTPASSWD, ...line])
  printTable([
    ['one user into a million', 'ours', "Apache's", 'ratio', 'goal'],
    ['wall time, ms', a.toFixed(0), b.toFixed(0), ratio.toFixed(2), '1.0'],
    ['peak memory / file size', (peak / size).toFixed(2), '', '', '3.0'],
  ])
})

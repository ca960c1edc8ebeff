// Importing a million hashed records with --import --encrypted, into a file with a million others.
import { writeFileSync } from 'node:fs'
import { HTPASSWD, inTemporaryFolder, peakMemory, printTable, time } from '../support/measure.js'
import { records } from '../support/records.js'

const USERS = 1_000_000

await inTemporaryFolder(() => {
  const line = ['--import', '--encrypted', 'list', 'users']
  writeFileSync('list', records('new', USERS))
  writeFileSync('users', records('old', USERS))
  const elapsed = time([...HTPASSWD, ...line])
  writeFileSync('users', records('old', USERS))
  const peak = peakMemory([...HTPASSWD, ...line])
  printTable([
    ['a million into a million', 'measured', 'goal'],
    ['wall time, s', (elapsed / 1000).toFixed(1), '10'],
    ['peak memory, GB', (peak / 1e9).toFixed(2), '1'],
  ])
})

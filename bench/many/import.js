// Importing 10,000 users with --import, compared with a shell loop over Apache's htpasswd.
import { writeFileSync } from 'node:fs'
import { HTPASSWD, has, inTemporaryFolder, printTable, time } from '../support/measure.js'

const USERS = 10_000

if (!has('htpasswd')) {
  console.log("skipped: Apache's htpasswd not found (package apache2-utils)")
  process.exit(0)
}

await inTemporaryFolder(() => {
  const names = Array.from({ length: USERS }, (_, i) => `user${i}`)
  writeFileSync('list', names.map((name) => `${name}:password of ${name}\n`).join(''))
  const rows = [[`${USERS} users`, "Apache's in a loop, s", 'ours, s', 'ratio', 'goal']]
  for (const [scheme, flag] of [
    ['apr1', '-m'],
    ['bcrypt, cost 5', '-B'],
  ]) {
    const loop = `: > theirs; while IFS=: read -r user password; do
      htpasswd -b ${flag} theirs "$user" "$password" 2>/dev/null; done < list`
    const theirs = time(['sh', '-c', loop])
    const ours = time([...HTPASSWD, '--import', '-c', flag, 'list', 'ours'])
    rows.push([
      scheme,
      (theirs / 1000).toFixed(1),
      (ours / 1000).toFixed(1),
      (ours / theirs).toFixed(2),
      '0.20',
    ])
  }
  printTable(rows)
})

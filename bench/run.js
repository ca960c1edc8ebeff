// npm run bench                 lists the groups
// npm run bench -- command      runs one group; each of its scripts prints a table
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const scriptsOf = (group) => readdirSync(join(here, group)).filter((name) => name.endsWith('.js'))
const groups = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'support')
  .map((entry) => entry.name)

const [wanted, ...args] = process.argv.slice(2)
if (wanted === undefined || !existsSync(join(here, wanted))) {
  console.log('npm run bench -- GROUP [ARGUMENTS], where GROUP is one of:')
  for (const group of groups) console.log(`  ${group.padEnd(10)} ${scriptsOf(group).join(', ')}`)
  process.exit(wanted === undefined ? 0 : 2)
}

for (const script of scriptsOf(wanted)) {
  console.log(`\n# ${wanted}/${script}`)
  const { status } = spawnSync(process.execPath, [join(here, wanted, script), ...args], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

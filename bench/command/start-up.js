// How long a command takes, compared with starting Node alone and with htgate 0.1, measured in turn. Each has a separate file,
// since ours recognizes files that it wrote itself.
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { firstRelease } from '../support/first-release.js'
import { HTPASSWD, inTemporaryFolder, median, printTable, time } from '../support/measure.js'

const [runs = 60] = process.argv.slice(2).map(Number)
const FIRST = firstRelease()

const commands = { 'htgate 0.2': HTPASSWD }
if (FIRST) commands['htgate 0.1'] = [process.execPath, join(dirname(FIRST), 'htpasswd.js')]
else console.log('skipped: htgate 0.1 (its commit is not in this repository)')

await inTemporaryFolder(() => {
  writeFileSync('empty.cjs', '')
  const programs = { empty: () => [process.execPath, 'empty.cjs'] }
  for (const [name, command] of Object.entries(commands)) {
    time([...command, '-cbs', name, 'alice', 'secret'])
    programs[name] = (line) => [...command, ...line.split(' ').map((word) => (word === 'FILE' ? name : word))]
  }
  const rows = [['', 'ms', 'to an empty program', ...(FIRST ? ['0.1 to an empty program', 'to 0.1'] : [])]]
  for (const line of ['-nbs alice secret', '-vb FILE alice secret', '-bs FILE alice secret']) {
    const times = Object.fromEntries(Object.keys(programs).map((name) => [name, []]))
    for (let run = -1; run < runs; run++) {
      for (const [name, program] of Object.entries(programs)) {
        const elapsed = time(program(line))
        if (run >= 0) times[name].push(elapsed) // the first is a warm-up
      }
    }
    const ratio = (a, b) => median(times[a].map((value, run) => value / times[b][run])).toFixed(3)
    rows.push([
      `htpasswd ${line}`,
      median(times['htgate 0.2']).toFixed(1),
      ratio('htgate 0.2', 'empty'),
      ...(FIRST ? [ratio('htgate 0.1', 'empty'), ratio('htgate 0.2', 'htgate 0.1')] : []),
    ])
  }
  printTable(rows)
})

// What a command costs beyond the start of Node itself.
import { writeFileSync } from 'node:fs'
import { HTPASSWD, inTemporaryFolder, paired, printTable, time } from '../support/measure.js'

const RUNS = 60

await inTemporaryFolder(() => {
  writeFileSync('empty.cjs', '')
  time([...HTPASSWD, '-cbs', 'users', 'alice', 'secret'])
  const rows = [['command', 'median ms', 'empty program ms', 'ratio', 'goal']]
  for (const [line, goal] of [
    ['-nbs alice secret', 1.1],
    ['-vb users alice secret', 1.15],
    ['-bs users alice secret', 1.25],
  ]) {
    const { a, b, ratio } = paired([...HTPASSWD, ...line.split(' ')], [process.execPath, 'empty.cjs'], {
      runs: RUNS,
    })
    rows.push([`htpasswd ${line}`, a.toFixed(1), b.toFixed(1), ratio.toFixed(2), goal])
  }
  printTable(rows)
})

import { expect, test } from 'vitest'
import { Line } from '../../src/htgate/line.js'

/** Puts a visitor in the line, and notes in `log` what becomes of it. */
function visit(line: Line, client: string, name: string, log: string[]): void {
  void line.enter(client).then((turn) => log.push(turn ? name : `${name} is sent away`))
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('a few of each client at a time; of those that wait, who came last goes first', async () => {
  const line = new Line(2)
  const log: string[] = []
  for (const name of ['1', '2', '3', '4']) visit(line, 'c', name, log)
  visit(line, 'd', 'other', log)
  await settled()
  expect(log).toEqual(['1', '2', 'other'])
  line.leave('c')
  line.leave('c')
  await settled()
  expect(log.slice(3)).toEqual(['4', '3'])
})

test('when too many wait, who has waited longest is sent away', async () => {
  const line = new Line(1)
  const log: string[] = []
  for (let i = 0; i <= 257; i++) visit(line, 'c', String(i), log)
  await settled()
  expect(log).toEqual(['0', '1 is sent away'])
})

// The cost of the login and of roles: htgate with the login off, with the login on, and with roles. Identical processes differ
// by more than that, since each is compiled and laid out in memory separately. Therefore several of each kind are started in
// turn, and a second set with the login on shows the remaining difference.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { hash } from '../../dist/index.js'
import { inTemporaryFolder, median, printTable, requirePrograms } from '../support/measure.js'
import { HTGATE, loadInTurns, start, startUpstream, stopServers, whenListening } from '../support/servers.js'

const [processes = 4, rounds = 5, seconds = 2] = process.argv.slice(2).map(Number)
const OPEN_GATE = fileURLToPath(new URL('../support/open-gate.js', import.meta.url))
const UPSTREAM = 18140
const TARGET = '/api/2.0/mlflow/experiments/search'
const headers = [`Authorization: Basic ${btoa('alice:secret')}`]
const guarded = (...more) => [
  HTGATE,
  '--file',
  'users',
  '--upstream',
  `http://127.0.0.1:${UPSTREAM}`,
  ...more,
]
const KINDS = {
  'login off': (port) => [OPEN_GATE, `http://127.0.0.1:${UPSTREAM}`, String(port)],
  'login on': (port) => guarded('--listen', `127.0.0.1:${port}`),
  'the same again': (port) => guarded('--listen', `127.0.0.1:${port}`),
  'with roles': (port) =>
    guarded(
      '--listen',
      `127.0.0.1:${port}`,
      '--readers',
      'user:alice',
      '--readers',
      'group:none',
      '--admins',
      'user:bob',
    ),
}

requirePrograms('nginx', 'wrk')

await inTemporaryFolder(async (folder) => {
  try {
    writeFileSync('users', `alice:${await hash('secret', { cost: 10 })}\n`, { mode: 0o600 })
    startUpstream(folder, UPSTREAM)
    await whenListening(UPSTREAM)
    const targets = {}
    let port = UPSTREAM
    for (let number = 1; number <= processes; number++) {
      for (const [kind, command] of Object.entries(KINDS)) {
        const pid = start(process.execPath, command(++port))
        await whenListening(port)
        targets[`${kind} ${number}`] = { url: `http://127.0.0.1:${port}${TARGET}`, headers, pid }
      }
    }
    const { rates, costs } = await loadInTurns(targets, { rounds, seconds })
    /** The median of each process of a kind. */
    const each = (values, kind) =>
      Object.keys(values)
        .filter((name) => name.startsWith(kind))
        .map((name) => median(values[name]))
    printTable([
      ['', 'requests/s', 'slowest and fastest process', 'CPU each, µs', 'least and most'],
      ...Object.keys(KINDS).map((kind) => [
        kind,
        Math.round(median(each(rates, kind))),
        range(each(rates, kind), 0),
        median(each(costs, kind)).toFixed(1),
        range(each(costs, kind), 1),
      ]),
    ])
    console.log()
    const ratio = (values, a, b) => (median(each(values, a)) / median(each(values, b))).toFixed(3)
    printTable([
      ['medians of the processes', 'requests/s', 'goal', 'CPU each'],
      ...[
        ['login on', 'login off', '0.97'],
        ['the same again', 'login on', ''],
        ['with roles', 'login on', '0.98'],
      ].map(([a, b, goal]) => [`${a} to ${b}`, ratio(rates, a, b), goal, ratio(costs, a, b)]),
    ])
  } finally {
    await stopServers()
  }
})

function range(values, digits) {
  return `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`
}

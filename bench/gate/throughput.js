// Requests per second through htgate, htgate 0.1, nginx and Caddy, with bcrypt at cost 10 and, for nginx and Caddy, without a login
// as well; one upstream, wrk with 16 kept-alive connections. Then what each adds to a lone request, compared with a TCP relay
// that forwards bytes unread. Rounds alternate, since the machine may be busy with other things.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { hash } from '../../dist/index.js'
import { firstRelease } from '../support/first-release.js'
import { roundTrips } from '../support/latency.js'
import { inTemporaryFolder, median, printTable, requirePrograms } from '../support/measure.js'
import {
  HTGATE,
  loadInTurns,
  start,
  startNginx,
  startUpstream,
  stopServers,
  whenListening,
} from '../support/servers.js'

const [rounds = 5, seconds = 3] = process.argv.slice(2).map(Number)
const RELAY = fileURLToPath(new URL('../support/relay.js', import.meta.url))
const PORTS = {
  upstream: 18100,
  nginx: 18101,
  'nginx auth_basic': 18102,
  caddy: 18103,
  'caddy basicauth': 18104,
  htgate: 18106,
  'htgate --workers 2': 18107,
  'htgate 0.1': 18110,
  relay: 18109,
}
/** Targets whose requests per second are measured. */
const COUNTED = Object.keys(PORTS).filter((name) => name !== 'relay')
/** Lone requests to each target per round. */
const LONE = 500
const TARGET = '/api/2.0/mlflow/experiments/search'
const LOGIN = `Basic ${btoa('alice:secret')}`
const UPSTREAM = `http://127.0.0.1:${PORTS.upstream}`

const FIRST = firstRelease()
if (FIRST === undefined) {
  console.log('skipped: htgate 0.1 (its commit is not in this repository)')
  delete PORTS['htgate 0.1']
  COUNTED.splice(COUNTED.indexOf('htgate 0.1'), 1)
}

requirePrograms('nginx', 'caddy', 'wrk')

await inTemporaryFolder(async (folder) => {
  try {
    const servers = await startServers(folder)
    const lone = Object.fromEntries(Object.keys(PORTS).map((name) => [name, []]))
    const targetOf = (name) => ({
      url: `http://127.0.0.1:${PORTS[name]}${TARGET}`,
      headers: [`Authorization: ${LOGIN}`],
      pid: servers[name],
    })
    const targets = Object.fromEntries(COUNTED.map((name) => [name, targetOf(name)]))
    const afterRound = async () => {
      for (const name of Object.keys(PORTS)) lone[name].push(median(await measureLone(PORTS[name])))
    }
    const { rates, costs } = await loadInTurns(targets, { rounds, seconds, afterRound })
    // Per round, since load on the machine affects both.
    const ratio = (values, a, b) => median(values[a].map((value, round) => value / values[b][round]))
    const added = Object.fromEntries(
      Object.entries(lone).map(([name, values]) => [
        name,
        values.map((value, round) => value - lone.upstream[round]),
      ]),
    )
    printTable([
      ['', 'requests/s, median', 'lowest', 'highest', 'CPU each, µs', 'added to a lone one, ms'],
      ...Object.keys(PORTS).map((name) => [
        name,
        ...(name === 'relay'
          ? ['', '', '', '']
          : [
              ...[median(rates[name]), Math.min(...rates[name]), Math.max(...rates[name])].map(Math.round),
              median(costs[name]).toFixed(1),
            ]),
        name === 'upstream' ? '' : median(added[name]).toFixed(3),
      ]),
    ])
    console.log()
    printTable([
      ['htgate to', 'ratio', 'goal'],
      ...(FIRST
        ? [
            ['htgate 0.1: CPU each', ratio(costs, 'htgate', 'htgate 0.1').toFixed(2), 'at most 0.45'],
            [
              'htgate 0.1: added to a lone request',
              ratio(added, 'htgate', 'htgate 0.1').toFixed(2),
              'at most 0.45',
            ],
          ]
        : []),
      ['a bare relay: added to a lone request', ratio(added, 'htgate', 'relay').toFixed(2), ''],
      ['nginx without a login: requests/s', ratio(rates, 'htgate', 'nginx').toFixed(2), 'at least 0.45'],
      [
        'nginx with auth_basic: requests/s',
        Math.round(ratio(rates, 'htgate', 'nginx auth_basic')),
        'at least 1000',
      ],
      [
        'Caddy with basicauth and its cache: requests/s',
        ratio(rates, 'htgate', 'caddy basicauth').toFixed(2),
        'at least 2',
      ],
    ])
  } finally {
    await stopServers()
  }
})

/** How long lone requests take, in milliseconds. */
function measureLone(port) {
  const request = `GET ${TARGET} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: ${LOGIN}\r\n\r\n`
  return roundTrips(port, request, port === PORTS['nginx auth_basic'] ? 10 : LONE)
}

async function startServers(folder) {
  const encoded = await hash('secret', { cost: 10 })
  writeFileSync('users', `alice:${encoded}\n`)
  // GOMAXPROCS=1: one core for each.
  writeFileSync('Caddyfile', caddy(encoded))
  const servers = {}
  servers.upstream = startUpstream(folder, PORTS.upstream)
  servers.nginx = servers['nginx auth_basic'] = startNginx(folder, 'proxy', proxyServers(folder))
  servers.caddy = servers['caddy basicauth'] = start(
    'caddy',
    ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile'],
    {
      GOMAXPROCS: '1',
      HOME: folder,
    },
  )
  servers.relay = start(process.execPath, [RELAY, String(PORTS.upstream), String(PORTS.relay)])
  for (const [name, command, more] of [
    ['htgate', HTGATE, []],
    ['htgate --workers 2', HTGATE, ['--workers', '2']],
    ...(FIRST ? [['htgate 0.1', FIRST, []]] : []),
  ]) {
    const listen = ['--listen', `127.0.0.1:${PORTS[name]}`]
    servers[name] = start(process.execPath, [
      command,
      '--file',
      'users',
      '--upstream',
      UPSTREAM,
      ...listen,
      ...more,
    ])
  }
  for (const port of Object.values(PORTS)) await whenListening(port)
  return servers
}

function proxyServers(folder) {
  return `
  upstream small { server 127.0.0.1:${PORTS.upstream}; keepalive 64; keepalive_requests 10000000; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  server { listen 127.0.0.1:${PORTS.nginx}; location / { proxy_pass http://small; } }
  server {
    listen 127.0.0.1:${PORTS['nginx auth_basic']};
    auth_basic x;
    auth_basic_user_file ${folder}/users;
    location / { proxy_pass http://small; }
  }`
}

function caddy(encoded) {
  return `
{
  admin off
  auto_https off
}
http://127.0.0.1:${PORTS.caddy} {
  reverse_proxy 127.0.0.1:${PORTS.upstream}
}
http://127.0.0.1:${PORTS['caddy basicauth']} {
  basicauth {
    alice ${btoa(encoded)}
  }
  reverse_proxy 127.0.0.1:${PORTS.upstream}
}
`
}

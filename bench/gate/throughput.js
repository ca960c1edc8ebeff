// Requests a second through htgate, nginx and Caddy, with bcrypt of cost 10 and without a login; one upstream, one run,
// wrk with 16 connections that are kept alive. Rounds alternate, since the machine may be busy with other things.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { hash } from '../../dist/index.js'
import { has, inTemporaryFolder, median, printTable } from '../support/measure.js'

const [rounds = 5, seconds = 3] = process.argv.slice(2).map(Number)
const HTGATE = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))
const OPEN_GATE = fileURLToPath(new URL('../support/open-gate.js', import.meta.url))
const PORTS = {
  upstream: 18100,
  nginx: 18101,
  'nginx auth_basic': 18102,
  caddy: 18103,
  'caddy basicauth': 18104,
  'htgate, login off': 18105,
  htgate: 18106,
  'htgate --workers 2': 18107,
  'htgate with roles': 18108,
}
const UPSTREAM = `http://127.0.0.1:${PORTS.upstream}`
const children = []

for (const peer of ['nginx', 'caddy', 'wrk']) {
  if (!has(peer)) {
    console.log(`left out: no ${peer} here`)
    process.exit(0)
  }
}

await inTemporaryFolder(async (folder) => {
  try {
    const servers = await startServers(folder)
    const rates = Object.fromEntries(Object.keys(PORTS).map((name) => [name, []]))
    const costs = Object.fromEntries(Object.keys(PORTS).map((name) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const name of Object.keys(PORTS)) {
        const before = cpuOf(servers[name])
        const { rate, requests } = measure(PORTS[name])
        rates[name].push(rate)
        costs[name].push((cpuOf(servers[name]) - before) / requests)
      }
    }
    const rate = Object.fromEntries(Object.entries(rates).map(([name, values]) => [name, median(values)]))
    printTable([
      ['', 'requests/s, median', 'lowest', 'highest', 'CPU each, µs'],
      ...Object.entries(rates).map(([name, values]) => [
        name,
        ...[median(values), Math.min(...values), Math.max(...values)].map(Math.round),
        median(costs[name]).toFixed(1),
      ]),
    ])
    // Of each round by itself: what slows one slows the other.
    const ratio = (a, b) => median(rates[a].map((value, round) => value / rates[b][round]))
    console.log()
    printTable([
      ['htgate to', 'ratio', 'goal'],
      ['nginx without a login', ratio('htgate', 'nginx').toFixed(2), '0.5'],
      ['nginx with auth_basic', Math.round(rate.htgate / rate['nginx auth_basic']), '1000'],
      ['Caddy with basicauth and its cache', ratio('htgate', 'caddy basicauth').toFixed(2), '2'],
      ['htgate without roles, with them', ratio('htgate with roles', 'htgate').toFixed(3), '0.98'],
      ['htgate with the login off', ratio('htgate', 'htgate, login off').toFixed(3), '0.97'],
    ])
  } finally {
    for (const child of children) child.kill('SIGTERM')
    await sleep(500)
  }
})

/** Requests a second, and how many it were. */
function measure(port) {
  const args = ['-t1', '-c16', `-d${seconds}s`, '-H', `Authorization: Basic ${btoa('alice:secret')}`]
  const { stdout } = spawnSync('wrk', [...args, `http://127.0.0.1:${port}/api/2.0/mlflow/experiments/search`])
  const text = String(stdout)
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(text)
  if (failed) throw new Error(`port ${port}: ${failed[1]} responses were no success`)
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]),
    requests: Number(/(\d+) requests in/.exec(text)?.[1]),
  }
}

/** Processor time that a process and its children have used, in microseconds (proc(5); a tick is 10 ms on Linux). */
function cpuOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean)
  const own = (Number(fields[11]) + Number(fields[12])) * 10_000
  return children.reduce((sum, child) => sum + cpuOf(child), own)
}

async function startServers(folder) {
  const encoded = await hash('secret', { cost: 10 })
  writeFileSync('users', `alice:${encoded}\n`)
  // GOMAXPROCS=1: one core for each.
  writeFileSync('Caddyfile', caddy(encoded))
  const servers = {}
  servers.upstream = startNginx(folder, 'upstream', upstreamServer())
  servers.nginx = servers['nginx auth_basic'] = startNginx(folder, 'proxy', proxyServers(folder))
  servers.caddy = servers['caddy basicauth'] = start(
    'caddy',
    ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile'],
    {
      GOMAXPROCS: '1',
      HOME: folder,
    },
  )
  servers['htgate, login off'] = start(process.execPath, [
    OPEN_GATE,
    UPSTREAM,
    String(PORTS['htgate, login off']),
  ])
  for (const [name, more] of [
    ['htgate', []],
    ['htgate --workers 2', ['--workers', '2']],
    ['htgate with roles', ['--readers', 'group:none', '--readers', 'user:alice', '--admins', 'user:bob']],
  ]) {
    const listen = ['--listen', `127.0.0.1:${PORTS[name]}`]
    servers[name] = start(process.execPath, [
      HTGATE,
      '--file',
      'users',
      '--upstream',
      UPSTREAM,
      ...listen,
      ...more,
    ])
  }
  for (const port of Object.values(PORTS)) while (!(await accepts(port))) await sleep(50)
  return servers
}

function start(command, args, env = {}) {
  const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } })
  children.push(child)
  return child.pid
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

/** One worker process, with these servers. */
function startNginx(folder, name, servers) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (each) => `${each}_temp_path ${folder};`,
  )
  writeFileSync(
    `${name}.conf`,
    `daemon off;
    worker_processes 1;
    pid ${folder}/${name}.pid;
    error_log ${folder}/${name}.log;
    events { worker_connections 1024; }
    http {
      access_log off;
      keepalive_requests 10000000;
      ${temporary.join(' ')}
      ${servers}
    }`,
  )
  return start('nginx', ['-c', join(folder, `${name}.conf`), '-p', folder])
}

function upstreamServer() {
  return `server {
    listen 127.0.0.1:${PORTS.upstream};
    default_type application/json;
    location / { return 200 '{"experiments":[{"experiment_id":"0","name":"Default","lifecycle_stage":"active"}]}'; }
  }`
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

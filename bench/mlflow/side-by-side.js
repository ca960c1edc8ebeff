// What a login costs MLflow's own client: 500 calls of log_metric and 200 of log_batch against MLflow alone, behind htgate,
// htgate 0.1 and nginx (all with bcrypt, cost 12), and against MLflow's basic-auth app. One client calls them in turn, one
// call at a time, so that other load on the machine affects all of them equally. Servers that hash the password on every
// request get a tenth of the calls, since each takes twenty times as long.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { firstRelease } from '../support/first-release.js'
import { HTPASSWD, has, inTemporaryFolder, median, printTable } from '../support/measure.js'

const CALLS = { log_metric: 500, log_batch: 200 }

const PEERS = join(process.env.HTGATE_PEERS ?? '/opt/htgate-peers', 'bin')
const HTGATE = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))
const CLIENT = fileURLToPath(new URL('client.py', import.meta.url))

const USER = 'alice'
const PASSWORD = 'correct horse battery'

const PORTS = {
  'MLflow alone': 18200,
  htgate: 18201,
  nginx: 18202,
  'basic-auth app': 18203,
  'basic-auth app, cached': 18204,
  'htgate 0.1': 18205,
}
const FIRST = firstRelease()
if (FIRST === undefined) {
  console.log('skipped: htgate 0.1 (its commit is not in this repository)')
  delete PORTS['htgate 0.1']
}
const SLOW = ['nginx', 'basic-auth app']
const MLFLOW = `http://127.0.0.1:${PORTS['MLflow alone']}`
const children = []

const missing = [existsSync(join(PEERS, 'mlflow')) || 'MLflow', has('nginx') || 'nginx'].filter(
  (m) => m !== true,
)
if (missing.length > 0) {
  console.log(`skipped: ${missing.join(' and ')} not found (scripts/install-peers.sh installs them)`)
  process.exit(0)
}

process.on('exit', () => {
  for (const child of children) signalGroup(child, 'SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

await inTemporaryFolder(async (folder) => {
  try {
    await startServers(folder)
    report(measure())
  } finally {
    for (const child of children) signalGroup(child, 'SIGTERM')
    await sleep(2000)
  }
})

/** Seconds per call, by server and kind of call. */
function measure() {
  const servers = {}
  for (const [name, port] of Object.entries(PORTS)) {
    servers[name] = { url: `http://127.0.0.1:${port}`, every: SLOW.includes(name) ? 10 : 1 }
  }
  const plan = JSON.stringify({ calls: CALLS, servers })
  const { status, stdout, stderr } = spawnSync(join(PEERS, 'python'), [CLIENT, plan], {
    env: { ...process.env, MLFLOW_TRACKING_USERNAME: USER, MLFLOW_TRACKING_PASSWORD: PASSWORD },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

function report(seconds) {
  const of = (name, call) => median(seconds[name][call])
  const cells = (name, call) => [
    (of(name, call) * 1000).toFixed(2),
    (of(name, call) / of('MLflow alone', call)).toFixed(2),
  ]
  printTable([
    ['', 'log_metric, ms', 'ratio', 'log_batch, ms', 'ratio'],
    ...Object.keys(PORTS).map((name) => [name, ...Object.keys(CALLS).flatMap((call) => cells(name, call))]),
  ])
  console.log('\nMedians, and ratios to MLflow alone.')
  if (FIRST === undefined) return
  const added = (name) => of(name, 'log_metric') - of('MLflow alone', 'log_metric')
  const share = added('htgate') / added('htgate 0.1')
  console.log(
    `htgate adds ${share.toFixed(2)} times as much to a log_metric as htgate 0.1. Goal: at most 0.5.`,
  )
}

async function startServers(folder) {
  const [node, htpasswd] = HTPASSWD
  spawnSync(node, [htpasswd, '-cbB', '-C', '12', 'users', USER, PASSWORD])
  writeFileSync('nginx.conf', nginxConfig(folder))
  startMlflow(folder, 'MLflow alone')
  startMlflow(folder, 'basic-auth app', 0)
  startMlflow(folder, 'basic-auth app, cached', 60)
  for (const [name, command] of [['htgate', HTGATE], ...(FIRST ? [['htgate 0.1', FIRST]] : [])]) {
    const listen = ['--listen', `127.0.0.1:${PORTS[name]}`]
    start(process.execPath, [command, '--file', 'users', '--upstream', MLFLOW, ...listen])
  }
  start('nginx', ['-e', 'stderr', '-p', folder, '-c', 'nginx.conf'])
  for (const port of Object.values(PORTS)) while (!(await accepts(port))) await sleep(100)
}

/** @param cacheSeconds how long the basic-auth app caches passwords; undefined for MLflow without that app */
function startMlflow(folder, name, cacheSeconds) {
  const own = join(folder, String(PORTS[name]))
  mkdirSync(own)
  const env = { HOME: own, TMPDIR: own, MLFLOW_DISABLE_TELEMETRY: 'true' }
  const args = ['server', '--host', '127.0.0.1', '--port', PORTS[name], '--workers', '1']
  args.push('--backend-store-uri', `sqlite:///${join(own, 'mlflow.db')}`)
  args.push('--artifacts-destination', join(own, 'artifacts'))
  if (cacheSeconds !== undefined) {
    const config = join(own, 'auth.ini')
    writeFileSync(
      config,
      `[mlflow]
default_permission = READ
database_uri = sqlite:///${join(own, 'auth.db')}
admin_username = ${USER}
admin_password = ${PASSWORD}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = ${cacheSeconds}
`,
    )
    env.MLFLOW_AUTH_CONFIG_PATH = config
    env.MLFLOW_FLASK_SERVER_SECRET_KEY = 'a key'
    args.push('--app-name', 'basic-auth')
  }
  start(join(PEERS, 'mlflow'), args.map(String), { env: { ...process.env, ...env }, cwd: own })
}

function nginxConfig(folder) {
  return `
daemon off;
user root;
pid nginx.pid;
worker_processes 1;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`).join(' ')}
  upstream mlflow { server 127.0.0.1:${PORTS['MLflow alone']}; keepalive 16; }
  server {
    listen 127.0.0.1:${PORTS.nginx};
    auth_basic "MLflow Login";
    auth_basic_user_file ${folder}/users;
    location / {
      proxy_pass http://mlflow;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header Authorization "";
    }
  }
}
`
}

/** Starts a process group, so that workers end with their parent. */
function start(command, args, options = {}) {
  children.push(spawn(command, args, { stdio: 'ignore', detached: true, ...options }))
}

function signalGroup({ pid }, signal) {
  try {
    process.kill(-pid, signal)
  } catch {} // It has already exited.
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

// The cost of forward-auth for nginx: the same upstream without a login, behind htgate checking each request, and behind htgate
// whose responses are cached for a second, as in deploy/nginx/forward-auth-cached.conf.
import { mkdirSync, writeFileSync } from 'node:fs'
import { hash } from '../../dist/index.js'
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
const PORTS = {
  'without a login': 18130,
  'each request checked': 18131,
  'responses cached for a second': 18132,
}
const UPSTREAM = 18133
const GATE = 18134
const LOGIN = `Authorization: Basic ${btoa('alice:secret')}`

requirePrograms('nginx', 'wrk')

await inTemporaryFolder(async (folder) => {
  try {
    const pid = await startServers(folder)
    const names = Object.keys(PORTS)
    const targetOf = (name) => ({
      url: `http://127.0.0.1:${PORTS[name]}/api/2.0/mlflow/experiments/search`,
      headers: [LOGIN],
      pid,
    })
    const targets = Object.fromEntries(names.map((name) => [name, targetOf(name)]))
    const { rates, costs } = await loadInTurns(targets, { rounds, seconds })
    printTable([
      ['nginx', 'requests/s', 'to one without a login', 'CPU of htgate each, µs'],
      ...names.map((name) => [
        name,
        Math.round(median(rates[name])),
        median(rates[name].map((rate, i) => rate / rates['without a login'][i])).toFixed(2),
        median(costs[name]).toFixed(2),
      ]),
    ])
  } finally {
    await stopServers()
  }
})

async function startServers(folder) {
  writeFileSync('users', `alice:${await hash('secret', { cost: 10 })}\n`, { mode: 0o600 })
  mkdirSync('cache')
  startUpstream(folder, UPSTREAM)
  startNginx(folder, 'proxy', proxies(folder))
  const listen = ['--forward-auth', '--listen', `127.0.0.1:${GATE}`, '--trust-proxy', 'loopback']
  const gate = start(process.execPath, [HTGATE, '--file', 'users', ...listen])
  for (const port of [UPSTREAM, GATE, ...Object.values(PORTS)]) await whenListening(port)
  return gate
}

function proxies(folder) {
  const asks = `
    location = /.htgate {
      internal;
      auth_request off;
      proxy_pass http://htgate;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Method $request_method;
      proxy_set_header X-Forwarded-Uri $request_uri;`
  const server = (name, more) => `
    server {
      listen 127.0.0.1:${PORTS[name]};
      location / { proxy_pass http://small; }
      ${more}
    }`
  return `
    proxy_cache_path ${folder}/cache levels=2 keys_zone=htgate:10m inactive=10s use_temp_path=off;
    upstream small { server 127.0.0.1:${UPSTREAM}; keepalive 64; keepalive_requests 10000000; }
    upstream htgate { server 127.0.0.1:${GATE}; keepalive 64; keepalive_requests 10000000; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    ${server('without a login', '')}
    ${server('each request checked', `auth_request /.htgate; ${asks} }`)}
    ${server(
      'responses cached for a second',
      `auth_request /.htgate; ${asks}
      proxy_cache htgate;
      proxy_cache_key "$http_authorization $request_method $request_uri";
      proxy_cache_valid 200 1s;
      proxy_ignore_headers Cache-Control Expires;
      proxy_cache_lock on;
    }`,
    )}`
}

// The cost of a request with a session or a token, compared with one with a cached password: one gate, one upstream, in
// turn. The session is that of /.htgate/password, which does not need the issuer.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { hash } from '../../dist/index.js'
import { inTemporaryFolder, median, printTable, requirePrograms } from '../support/measure.js'
import { HTGATE, loadInTurns, start, startUpstream, stopServers, whenListening } from '../support/servers.js'

const [rounds = 7, seconds = 3] = process.argv.slice(2).map(Number)
const PORT = 18120
const UPSTREAM = 18121
const URL = `http://localhost:${PORT}/api/2.0/mlflow/experiments/search`
const PASSWORD = `Authorization: Basic ${btoa('alice:secret')}`

requirePrograms('nginx', 'wrk')

await inTemporaryFolder(async (folder) => {
  try {
    const pid = await startGate(folder)
    const headers = {
      password: PASSWORD,
      session: `Cookie: ${await sessionOf()}`,
      'token as bearer': `Authorization: Bearer ${makeToken()}`,
      'token as password': `Authorization: Basic ${btoa(`alice:${makeToken()}`)}`,
    }
    const names = Object.keys(headers)
    const targets = Object.fromEntries(
      names.map((name) => [name, { url: URL, headers: [headers[name]], pid }]),
    )
    const { rates, costs } = await loadInTurns(targets, { rounds, seconds })
    const ratio = (values, name) => median(values[name].map((value, i) => value / values.password[i]))
    printTable([
      ['', 'requests/s', 'to a password’s', 'CPU each, µs', 'to a password’s'],
      ...names.map((name) => [
        name,
        Math.round(median(rates[name])),
        ratio(rates, name).toFixed(2),
        median(costs[name]).toFixed(1),
        ratio(costs, name).toFixed(2),
      ]),
    ])
    console.log('goal: between 0.90 and 1.10')
  } finally {
    await stopServers()
  }
})

async function startGate(folder) {
  writeFileSync('users', `alice:${await hash('secret', { cost: 10 })}\n`, { mode: 0o600 })
  writeFileSync('session', `${'s'.repeat(40)}\n`, { mode: 0o600 })
  startUpstream(folder, UPSTREAM)
  const args = ['--file', 'users', '--upstream', `http://127.0.0.1:${UPSTREAM}`]
  args.push('--listen', `127.0.0.1:${PORT}`, '--token-file', 'tokens', '--session-secret-file', 'session')
  // Nothing listens there.
  args.push('--oidc-issuer', 'http://127.0.0.1:9', '--oidc-client-id', 'bench')
  const gate = start(process.execPath, [HTGATE, ...args])
  await whenListening(UPSTREAM)
  await whenListening(PORT)
  return gate
}

function sessionOf() {
  return new Promise((resolve, reject) => {
    const [name, value] = PASSWORD.split(': ')
    request(
      { port: PORT, path: '/.htgate/password', headers: { host: `localhost:${PORT}`, [name]: value } },
      (response) => {
        response.resume()
        const [cookie] = response.headers['set-cookie'] ?? []
        if (cookie === undefined) reject(new Error(`no session: status ${response.statusCode}`))
        else resolve(cookie.split(';', 1)[0])
      },
    )
      .on('error', reject)
      .end()
  })
}

function makeToken() {
  const args = ['token', 'create', '--user', 'alice', '--role', 'admin', '--token-file', 'tokens']
  const { stdout, stderr, status } = spawnSync(process.execPath, [HTGATE, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return /htg_\w+/.exec(stdout)[0]
}

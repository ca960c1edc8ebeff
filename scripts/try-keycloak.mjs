// Tries htgate with a real Keycloak, which is too large for every test run; run it by hand. It creates the realm of
// deploy/oidc/keycloak-realm.json under another name, and deletes it afterwards.
//   KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin bin/kc.sh start-dev --http-port 28080
//   npm run build && KEYCLOAK_URL=http://127.0.0.1:28080 KEYCLOAK_ADMIN=admin:admin node scripts/try-keycloak.mjs
// docs/oidc.md has its latest output.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const { KEYCLOAK_URL: keycloak = 'http://127.0.0.1:28080', KEYCLOAK_ADMIN: account = 'admin:admin' } =
  process.env
const REALM = 'htgate-try'
const issuer = `${keycloak}/realms/${REALM}`
const folder = mkdtempSync(join(tmpdir(), 'try-keycloak-'))
const seen = []
let children = []

const [adminName, adminPassword] = account.split(':')
async function tokenOf(realm, fields) {
  const response = await fetch(`${keycloak}/realms/${realm}/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams(fields),
  })
  const { access_token: token } = await response.json()
  assert(token, `no token of ${realm}: ${response.status}`)
  return token
}

async function admin(method, path, body) {
  const fields = {
    grant_type: 'password',
    client_id: 'admin-cli',
    username: adminName,
    password: adminPassword,
  }
  const response = await fetch(`${keycloak}/admin/realms${path}`, {
    method,
    headers: {
      authorization: `Bearer ${await tokenOf('master', fields)}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  assert(response.ok || method === 'DELETE', `${method} ${path}: ${response.status} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

/** A minimal browser. */
class Browser {
  jar = new Map()
  visited = []
  async open(url, form) {
    let next = { url, form }
    for (let hops = 0; hops < 15; hops++) {
      this.visited.push(next.url)
      const cookies = this.jar.get(new URL(next.url).host) ?? new Map()
      this.jar.set(new URL(next.url).host, cookies)
      const response = await fetch(next.url, {
        method: next.form ? 'POST' : 'GET',
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          'sec-fetch-mode': 'navigate',
          ...(next.form ? { origin: new URL(next.url).origin } : {}),
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        },
        ...(next.form ? { body: new URLSearchParams(next.form) } : {}),
      })
      for (const line of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
        if (/max-age=0/i.test(line) || value === '') cookies.delete(name)
        else cookies.set(name, value)
      }
      const location = response.headers.get('location')
      const body = await response.text()
      if (location === null) return { url: next.url, status: response.status, body }
      next = { url: new URL(location, next.url).href }
    }
    throw new Error(`redirects in circles:\n${this.visited.slice(-15).join('\n')}`)
  }
  async logIn(url, username, password) {
    const page = await this.open(url)
    const action = /<form[^>]*action="([^"]+)"/.exec(page.body)?.[1]?.replaceAll('&amp;', '&')
    assert(action, `no login form at ${page.url}`)
    return this.open(action, { username, password, credentialId: '' })
  }
}

async function waitFor(what, condition) {
  for (const end = Date.now() + 20_000; !(await condition()); await delay(50)) {
    assert(Date.now() < end, `waited in vain: ${what}`)
  }
}

async function run() {
  const upstream = createServer((request, response) => {
    seen.push(request.headers)
    response.end('ok')
  })
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
  const probe = createServer()
  await once(probe.listen(0, '127.0.0.1'), 'listening')
  const { port } = probe.address()
  probe.close()
  const gate = `http://127.0.0.1:${port}`

  const realm = readFileSync(new URL('../deploy/oidc/keycloak-realm.json', import.meta.url), 'utf8')
  await admin('DELETE', `/${REALM}`)
  await admin('POST', '', {
    ...JSON.parse(realm.replaceAll('https://mlflow.example.org', gate)),
    realm: REALM,
  })
  const user = {
    username: 'ann',
    enabled: true,
    emailVerified: true,
    email: 'ann@example.org',
    firstName: 'A',
    lastName: 'N',
  }
  const credentials = [{ type: 'password', value: 'ann-pw', temporary: false }]
  await admin('POST', `/${REALM}/users`, { ...user, groups: ['ml-team'], credentials })
  const [{ id }] = await admin('GET', `/${REALM}/users?username=ann`)
  const secretOf = async (clientId) => {
    const [client] = await admin('GET', `/${REALM}/clients?clientId=${clientId}`)
    return (await admin('GET', `/${REALM}/clients/${client.id}/client-secret`)).value
  }
  writeFileSync(join(folder, 'client'), await secretOf('mlflow'), { mode: 0o600 })
  writeFileSync(join(folder, 'session'), 'a session secret of more than 32 characters', { mode: 0o600 })
  const child = spawn(
    process.execPath,
    [
      ...[
        'bin/htgate.js',
        '--upstream',
        `http://127.0.0.1:${upstream.address().port}`,
        '--listen',
        `127.0.0.1:${port}`,
      ],
      ...[
        '--oidc-issuer',
        issuer,
        '--oidc-client-id',
        'mlflow',
        '--oidc-client-secret-file',
        join(folder, 'client'),
      ],
      ...[
        '--session-secret-file',
        join(folder, 'session'),
        '--session-ttl',
        '8s',
        '--oidc-audience',
        'mlflow-api',
      ],
      ...['--writers', 'group:ml-team', '--app', 'none'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  children = [child]
  let log = ''
  child.stdout.on('data', (part) => (log += part))
  await waitFor('htgate listens', () =>
    fetch(gate).then(
      () => true,
      () => false,
    ),
  )

  const browser = new Browser()
  const page = await browser.logIn(`${gate}/runs?a=1`, 'ann', 'ann-pw')
  assert.equal(page.url, `${gate}/runs?a=1`)
  assert.equal(page.status, 200)
  const { 'x-forwarded-user': name, 'x-forwarded-groups': groups } = seen.at(-1)
  console.log(`browser: logged in as ${name}, groups ${groups}; back at ${page.url.slice(gate.length)}`)

  await delay(4500)
  const renewed = await browser.open(`${gate}/runs`)
  assert.equal(renewed.status, 200)
  assert(browser.visited.slice(-4).some((url) => url.includes('prompt=none')))
  console.log('session: renewed by prompt=none, without a prompt')

  const program = {
    grant_type: 'client_credentials',
    client_id: 'mlflow-ci',
    client_secret: await secretOf('mlflow-ci'),
  }
  const bearer = (token) =>
    fetch(gate, { headers: { authorization: `Bearer ${token}` } }).then(({ status }) => status)
  const ours = await bearer(await tokenOf(REALM, program))
  console.log(`bearer: token of mlflow-ci with aud mlflow-api: ${ours === 403 ? '403 (no role)' : ours}`)
  assert.equal(ours, 403)
  const foreign = {
    grant_type: 'password',
    client_id: 'admin-cli',
    username: adminName,
    password: adminPassword,
  }
  const other = await bearer(await tokenOf('master', foreign))
  console.log(`bearer: token of another realm: ${other}`)
  assert.equal(other, 401)

  const cookie = `htgate=${browser.jar.get(new URL(gate).host).get('htgate')}`
  const status = () => fetch(gate, { headers: { cookie } }).then((response) => response.status)
  assert.equal(await status(), 200)
  const asked = performance.now()
  await admin('POST', `/${REALM}/users/${id}/logout`)
  await waitFor('back-channel logout', async () => (await status()) === 401)
  const took = performance.now() - asked
  assert.match(log, /the issuer ended sessions/)
  console.log(`back-channel logout: the session was over after ${Math.ceil(took / 100) / 10} s`)

  const again = await browser.logIn(`${gate}/`, 'ann', 'ann-pw')
  assert.equal(again.status, 200)
  await admin('PUT', `/${REALM}/users/${id}`, { ...user, enabled: false })
  await delay(4500)
  const closed = await browser.open(`${gate}/`)
  assert(closed.url.startsWith(issuer), closed.url)
  console.log('account disabled: the next page, once the session is half over, is the login of Keycloak')
}

try {
  const { systemInfo } = await (async () => {
    const fields = {
      grant_type: 'password',
      client_id: 'admin-cli',
      username: adminName,
      password: adminPassword,
    }
    const headers = { authorization: `Bearer ${await tokenOf('master', fields)}` }
    return (await fetch(`${keycloak}/admin/serverinfo`, { headers })).json()
  })()
  console.log(`Keycloak ${systemInfo.version}`)
  await run()
} finally {
  for (const child of children) child.kill()
  await admin('DELETE', `/${REALM}`).catch(() => {})
  rmSync(folder, { recursive: true, force: true })
}
process.exit()

import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import {
  type Gate,
  passwordFile,
  type RequestOptions,
  raw,
  record,
  request,
  startGate,
  startUpstream,
  type Upstream,
  until,
  valuesOf,
} from '../support/gate.js'
import { basic } from '../support/requests.js'
import { freePort } from '../support/servers.js'

// Roles as seen by clients of the gate, in front of an upstream that accepts everything.

const USERS = ['rita', 'will', 'ada', 'nora']
const ROLES = ['--readers', 'group:staff', '--writers', 'user:will', '--admins', 'user:ada']

const READ = '/api/2.0/mlflow/experiments/search'
const WRITE = '/api/2.0/mlflow/experiments/create'
const ADMIN = '/api/2.0/mlflow/webhooks'

let groups: string
let upstream: Upstream

beforeEach(async () => {
  groups = join(temporaryFolder(), 'groups')
  writeFileSync(groups, 'staff: rita\n"site ops": ada\nops,more: ada\n')
  upstream = await startUpstream()
})

const startWith = (args: string[], guarded: Upstream | null = upstream): Promise<Gate> =>
  startGate({
    ...(guarded && { upstream: guarded.url }),
    file: passwordFile(USERS.map((user) => record(user, user)).join('')),
    args,
  })

const as = (user: string, url: string, { headers, ...options }: RequestOptions = {}) =>
  request(url, { ...options, headers: { authorization: basic(user, user), ...headers } })

describe('roles', () => {
  test('each user may do what the role allows, and a refusal says why', async () => {
    const port = await freePort()
    const gate = await startWith([...ROLES, '--group-file', groups, '--admin', `127.0.0.1:${port}`])
    const statuses = async (user: string) => [
      (await as(user, gate.url + READ)).status,
      (await as(user, gate.url + WRITE, { method: 'POST', body: '{}' })).status,
      (await as(user, gate.url + ADMIN, { method: 'POST', body: '{}' })).status,
    ]
    expect(await statuses('rita')).toEqual([200, 403, 403])
    expect(await statuses('will')).toEqual([200, 200, 403])
    expect(await statuses('ada')).toEqual([200, 200, 200])
    expect(await statuses('nora')).toEqual([403, 403, 403])
    expect(upstream.seen.length).toBe(6)

    const refused = await as('rita', gate.url + WRITE, { method: 'POST', body: '{}' })
    expect(refused.headers['content-type']).toBe('application/json')
    expect(JSON.parse(refused.body)).toEqual({
      error_code: 'PERMISSION_DENIED',
      message: expect.stringContaining('requires the write role; you have the read role'),
    })
    const page = await as('nora', gate.url, { headers: { accept: 'text/html' } })
    expect(page.headers['content-type']).toContain('text/html')
    expect(page.body).toContain('you have no role on this server')

    await until(() => gate.log().some(({ user, status }) => user === 'nora' && status === 403))
    expect(gate.log().find(({ path, user }) => path === WRITE && user === 'rita')).toMatchObject({
      status: 403,
      reason: 'role',
      missing_role: 'write',
      provider: 'file',
      upstream_ms: null,
    })
    const metrics = await request(`http://127.0.0.1:${port}/metrics`)
    expect(metrics.body).toContain('htgate_refusals_total{reason="role"} 8\n')
  })

  test('a change of the group file takes effect within a second; without it, requests get 503', async () => {
    const gate = await startWith([...ROLES, '--group-file', groups])
    const statusOf = async (user: string) => (await as(user, gate.url + READ)).status
    const both = async () => [await statusOf('rita'), await statusOf('nora')]
    expect(await statusOf('rita')).toBe(200)
    expect(await statusOf('nora')).toBe(403)

    writeFileSync(`${groups}.new`, 'staff: nora\n')
    renameSync(`${groups}.new`, groups)
    await expect.poll(both).toEqual([403, 200])

    renameSync(groups, `${groups}.gone`)
    await expect.poll(both).toEqual([503, 503])
    expect((await as('rita', gate.url + READ)).headers['retry-after']).toBe('10')
    expect(await statusOf('will')).toBe(200)
    renameSync(`${groups}.gone`, groups)
    await expect.poll(() => statusOf('nora')).toBe(200)
  })

  test('a response in progress ends when its user loses the role', async () => {
    const events = await startUpstream((_, response) => response.write('data: first\n\n'))
    const gate = await startWith([...ROLES, '--group-file', groups, '--app', 'none'], events)
    const { text, closed } = raw(
      gate.port,
      `GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic('rita', 'rita')}\r\n\r\n`,
    )
    await until(() => text().includes('data: first'), text)
    writeFileSync(groups, 'staff: nora\n')
    await closed
    expect(text()).toMatch(/^HTTP\/1\.1 200 /)
    await until(
      () => gate.log().some(({ path, reason }) => path === '/events' && reason === 'role'),
      gate.output,
    )
  })

  test('the upstream gets the groups only from the gate', async () => {
    const gate = await startWith([...ROLES, '--group-file', groups])
    const forged = { 'X-Forwarded-Groups': 'root', X_Forwarded_Groups: 'root', 'X-Forwarded_Groups': 'root' }
    await as('ada', gate.url + READ, { headers: forged })
    await as('will', gate.url + READ, { headers: forged })
    const [ada, will] = upstream.seen
    expect(valuesOf(ada, 'x-forwarded-groups')).toEqual(['"site ops",ops%2Cmore'])
    expect(will?.headers.filter(([name]) => /forwarded.groups/.test(name))).toEqual([])
    expect(JSON.stringify(ada?.headers)).not.toContain('root')
  })

  test('no header makes the upstream treat a read as something else', async () => {
    const gate = await startWith([...ROLES, '--group-file', groups])
    const headers = {
      'X-HTTP-Method-Override': 'DELETE',
      X_HTTP_Method: 'DELETE',
      'X-Method-Override': 'DELETE',
      'X-Original-URL': WRITE,
      'X-Rewrite-URL': WRITE,
      'X-Forwarded-Prefix': '/x',
      SCRIPT_NAME: '/api',
      PATH_INFO: WRITE,
    }
    expect((await as('rita', gate.url + READ, { headers })).status).toBe(200)
    const names = upstream.seen[0]?.headers.map(([name]) => name) ?? []
    expect(names.filter((name) => /override|method|original|rewrite|prefix|script|path/.test(name))).toEqual(
      [],
    )
  })

  test('an ambiguous path is rejected for any role', async () => {
    const gate = await startWith([...ROLES, '--group-file', groups])
    for (const target of ['/api/2.0/../x', '/%2e%2e/x', '/health%00', '/health%0a']) {
      const { text, socket } = raw(
        gate.port,
        `GET ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic('ada', 'ada')}\r\n\r\n`,
      )
      await until(() => text().includes('\r\n\r\n'), text)
      expect(text(), target).toMatch(/^HTTP\/1\.1 400 /)
      socket.destroy()
    }
    expect(upstream.seen).toEqual([])
  })

  test('--app none classifies by method, and a WebSocket is a write', async () => {
    const gate = await startWith([...ROLES, '--group-file', groups, '--app', 'none'])
    expect((await as('rita', `${gate.url}/anything`)).status).toBe(200)
    expect((await as('rita', `${gate.url}/anything`, { method: 'DELETE' })).status).toBe(403)
    expect((await as('will', `${gate.url}/anything`, { method: 'DELETE' })).status).toBe(200)
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }
    expect((await as('rita', `${gate.url}/anything`, { headers: upgrade })).status).toBe(403)
    expect(
      (await as('rita', gate.url, { headers: { accept: 'application/json' }, method: 'PUT' })).body,
    ).toContain('requires the write role')
  })
})

describe('forward-auth', () => {
  const about = (method: string, uri: string) => ({ 'x-forwarded-method': method, 'x-forwarded-uri': uri })
  const roles = () => [...ROLES, '--group-file', groups]

  test('judges the original method and URI, only from a trusted proxy', async () => {
    const gate = await startWith([...roles(), '--trust-proxy', 'loopback'], null)
    const status = async (user: string, headers: Record<string, string>) =>
      (await as(user, `${gate.url}/auth`, { headers })).status
    expect(await status('rita', about('GET', `${READ}?x`))).toBe(200)
    expect(await status('rita', about('POST', WRITE))).toBe(403)
    expect(await status('will', about('POST', WRITE))).toBe(200)
    expect(await status('rita', about('POST', '/api/2.0/mlflow/experiments%2Fcreate'))).toBe(403)
    expect(await status('ada', about('GET', '/x/../y'))).toBe(400)
    // ingress-nginx
    const ingress = { 'x-original-method': 'POST', 'x-original-url': `https://mlflow.example${WRITE}` }
    expect(await status('rita', ingress)).toBe(403)
    expect(await status('will', ingress)).toBe(200)
    const { headers } = await as('ada', `${gate.url}/auth`, { headers: about('POST', ADMIN) })
    expect(headers['x-forwarded-user']).toBe('ada')
    expect(headers['x-forwarded-groups']).toBe('"site ops",ops%2Cmore')
  })

  test('rejects incomplete information, or a client’s own headers', async () => {
    const gate = await startWith([...roles(), '--trust-proxy', 'loopback'], null)
    for (const headers of [
      { 'x-forwarded-uri': READ },
      { 'x-forwarded-method': 'GET' },
      { ...about('GET', READ), 'x-original-method': 'POST' },
      { ...about('GET', READ), 'x-original-uri': WRITE },
      about('GET', `${READ}, ${WRITE}`),
      about('GET', 'nonsense'),
    ]) {
      const { status, body } = await as('ada', gate.url, { headers: headers as Record<string, string> })
      expect(status, JSON.stringify(headers)).toBe(403)
      expect(body).toContain('which request it asks about')
    }
    // Node joins repeated ones with a comma.
    const { text, socket } = raw(
      gate.port,
      `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic('rita', 'rita')}\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Method: POST\r\nX-Forwarded-Uri: ${READ}\r\n\r\n`,
    )
    await until(() => text().includes('\r\n\r\n'), text)
    expect(text()).toMatch(/^HTTP\/1\.1 403 /)
    socket.destroy()
  })

  test('an untrusted proxy cannot ask about users with a role', async () => {
    const gate = await startWith(roles(), null)
    await until(() => gate.said().includes('require --trust-proxy'), gate.said)
    expect((await as('ada', gate.url, { headers: about('GET', READ) })).status).toBe(403)
    expect((await as('ada', gate.url)).status).toBe(403)
  })
})

describe('without a login', () => {
  test('open paths are matched exactly, and only for GET and HEAD', async () => {
    const gate = await startWith([...ROLES, '--group-file', groups])
    for (const path of ['/health', '/version', '/health?x=1']) {
      expect((await request(gate.url + path)).status, path).toBe(200)
    }
    expect((await request(`${gate.url}/health`, { method: 'HEAD' })).status).toBe(200)
    // Wrong credentials make no difference there.
    expect(
      (await request(`${gate.url}/health`, { headers: { authorization: basic('eve', 'x') } })).status,
    ).toBe(200)
    expect(
      upstream.seen.flatMap(({ headers }) => headers.filter(([name]) => /user|authorization/.test(name))),
    ).toEqual([])
    const served = upstream.seen.length
    for (const [method, path] of [
      ['POST', '/health'],
      ['OPTIONS', '/health'],
      ['GET', '/health/'],
      ['GET', '//health'],
      ['GET', '/%68ealth'],
      ['GET', '/health;x'],
      ['GET', '/HEALTH'],
      ['GET', '/health%00'],
      ['GET', '/healthz'],
    ] as const) {
      expect((await request(gate.url + path, { method })).status, `${method} ${path}`).toBe(401)
    }
    expect(
      (await request(`${gate.url}/health`, { headers: { connection: 'upgrade', upgrade: 'websocket' } }))
        .status,
    ).toBe(401)
    expect(upstream.seen.length).toBe(served)
  })

  test('--open-paths sets others, or none', async () => {
    const gate = await startWith(['--open-paths', '/ping', '--open-paths', '/mlflow/health'])
    expect((await request(`${gate.url}/ping`)).status).toBe(200)
    expect((await request(`${gate.url}/mlflow/health`)).status).toBe(200)
    expect((await request(`${gate.url}/health`)).status).toBe(401)
    const closed = await startWith(['--open-paths', 'none'])
    expect((await request(`${closed.url}/health`)).status).toBe(401)
    const other = await startWith(['--app', 'none'])
    expect((await request(`${other.url}/health`)).status).toBe(401)
  })

  test('only a preflight of an allowed origin reaches the upstream', async () => {
    const gate = await startWith([...ROLES, '--group-file', groups, '--cors-origins', 'https://app.example'])
    const preflight = (origin: string, method = 'OPTIONS', more: Record<string, string> = {}, path = WRITE) =>
      request(gate.url + path, {
        method,
        headers: { origin, 'access-control-request-method': 'POST', ...more },
      })
    expect((await preflight('https://app.example')).status).toBe(200)
    expect(upstream.seen[0]).toMatchObject({ method: 'OPTIONS', url: WRITE, body: '' })
    expect(valuesOf(upstream.seen[0], 'origin')).toEqual(['https://app.example'])

    for (const refused of [
      preflight('https://evil.example'),
      preflight('http://app.example'),
      preflight('https://app.example.evil.example'),
      preflight('null'),
      preflight('https://app.example', 'POST'),
      preflight('https://app.example', 'GET'),
      preflight('https://app.example', 'OPTIONS', { 'content-length': '0', 'transfer-encoding': 'chunked' }),
      preflight('https://app.example', 'OPTIONS', {}, '/unknown'),
      request(gate.url + WRITE, { method: 'OPTIONS', headers: { origin: 'https://app.example' } }),
    ]) {
      expect([400, 401]).toContain((await refused).status)
    }
    expect(upstream.seen.length).toBe(1)
  })
})

describe('cross-origin requests', () => {
  const post = (gate: Gate, headers: Record<string, string>, path = WRITE, method = 'POST') =>
    as('will', gate.url + path, { method, headers: { host: 'mlflow.lan:8080', ...headers } })

  test('a page of another origin cannot write with the browser’s saved login', async () => {
    const gate = await startWith(['--cors-origins', 'https://app.example'])
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: 'http://mlflow.lan:8888' },
      { origin: 'http://evil.example' },
      { origin: 'http://mlflow.lan:8888' },
      { origin: 'null' },
    ]) {
      const { status, body } = await post(gate, headers as Record<string, string>)
      expect(status, JSON.stringify(headers)).toBe(403)
      expect(body).toContain('page of another origin')
    }
    const upgrade = { connection: 'upgrade', upgrade: 'websocket', origin: 'http://evil.example' }
    expect((await post(gate, upgrade, READ, 'GET')).status).toBe(403)
    // This GET spends money.
    const gateway = '/ajax-api/2.0/mlflow/gateway-proxy'
    expect((await post(gate, { 'sec-fetch-site': 'cross-site' }, gateway, 'GET')).status).toBe(403)
    expect(upstream.seen).toEqual([])
    await until(() => gate.log().filter(({ reason }) => reason === 'cross-origin').length === 7)
  })

  test('everything else works: links, programs, tokens, allowed origins', async () => {
    const gate = await startWith(['--cors-origins', 'https://app.example'])
    expect((await post(gate, { 'sec-fetch-site': 'cross-site' }, READ, 'GET')).status).toBe(200)
    expect((await post(gate, {})).status).toBe(200)
    expect((await post(gate, { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' })).status).toBe(
      200,
    )
    expect((await post(gate, { 'sec-fetch-site': 'none' })).status).toBe(200)
    expect(valuesOf(upstream.seen[2], 'origin')).toEqual(['https://app.example'])
  })

  test('a request from the gate’s page looks like one from MLflow’s own', async () => {
    const gate = await startWith([])
    const own = `localhost:${upstream.port}`
    await post(gate, { origin: 'http://mlflow.lan:8080' })
    await post(gate, { origin: 'null', 'sec-fetch-site': 'same-origin' })
    await post(gate, { host: 'localhost:8080', origin: 'http://localhost:8080' })
    await post(gate, {})
    const sent = upstream.seen.map((seen) => [valuesOf(seen, 'host'), valuesOf(seen, 'origin')])
    expect(sent).toEqual([
      [[own], [`http://${own}`]],
      [[own], [`http://${own}`]],
      [['localhost:8080'], ['http://localhost:8080']],
      [[own], []],
    ])
    expect(valuesOf(upstream.seen[0], 'x-forwarded-host')).toEqual(['mlflow.lan:8080'])
  })

  test('a redirect by the upstream leads to the gate', async () => {
    const redirecting = await startUpstream(({ headers }, response) => {
      response.writeHead(308, { location: `http://${headers.host}/mlflow/` }).end()
    })
    const gate = await startWith([], redirecting)
    const { headers } = await post(gate, {}, '/mlflow', 'GET')
    expect(headers.location).toBe('/mlflow/')
    const local = await post(gate, { host: 'localhost:8080' }, '/mlflow', 'GET')
    expect(local.headers.location).toBe('http://localhost:8080/mlflow/')
  })

  test('--upstream-host is sent as given, and the origin follows', async () => {
    const gate = await startWith(['--app', 'none', '--upstream-host', 'app.internal'])
    await post(gate, { origin: 'http://mlflow.lan:8080' })
    const [seen] = upstream.seen
    expect([valuesOf(seen, 'host'), valuesOf(seen, 'origin')]).toEqual([
      ['app.internal'],
      ['http://app.internal'],
    ])
  })
})

describe('on /gateway/', () => {
  const CHAT = '/gateway/openai/v1/chat/completions'
  const PRIVATE = /forwarded|real-ip|mlflow-authorization/

  test('the login is in X-MLflow-Authorization, and Authorization is passed on', async () => {
    const gate = await startWith([...ROLES, '--group-file', groups])
    const send = (user: string, headers: Record<string, string> = {}) =>
      request(gate.url + CHAT, {
        method: 'POST',
        body: '{}',
        headers: {
          'x-mlflow-authorization': basic(user, user),
          authorization: 'Bearer sk-provider',
          ...headers,
        },
      })
    expect((await send('will')).status).toBe(200)
    expect(valuesOf(upstream.seen[0], 'authorization')).toEqual(['Bearer sk-provider'])
    expect((await send('rita')).status).toBe(403)
    expect((await send('eve')).status).toBe(401)
    expect((await send('will', { X_MLflow_Authorization: 'x' })).status).toBe(200)
    // The login of other clients is removed, as on any path.
    expect((await as('will', gate.url + CHAT, { method: 'POST', body: '{}' })).status).toBe(200)
    expect(valuesOf(upstream.seen[2], 'authorization')).toEqual([])
    for (const { headers } of upstream.seen) {
      expect(headers.filter(([name]) => PRIVATE.test(name.replaceAll('_', '-')))).toEqual([])
    }
  })

  test('but not on other paths', async () => {
    const gate = await startWith([])
    const headers = { 'x-mlflow-authorization': basic('will', 'will'), authorization: 'Bearer sk-provider' }
    expect((await request(gate.url + READ, { headers })).status).toBe(401)
    expect((await request(`${gate.url}/static-files/gateway/`, { headers })).status).toBe(401)
    const other = await startWith(['--app', 'none'])
    expect((await request(other.url + CHAT, { headers })).status).toBe(401)
  })

  test('--gateway-identity sends the user there, too', async () => {
    const gate = await startWith(['--gateway-identity'])
    await as('will', gate.url + CHAT, { method: 'POST', body: '{}' })
    expect(valuesOf(upstream.seen[0], 'x-forwarded-user')).toEqual(['will'])
  })
})

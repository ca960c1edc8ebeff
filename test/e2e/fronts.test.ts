import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import {
  type ClientRequest,
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Certificate, makeCertificate } from '../support/certificate.js'
import { type Echo, type Seen, startEcho } from '../support/echo.js'
import { startHtgate } from '../support/htgate.js'
import { describeWith } from '../support/peers.js'
import { basic } from '../support/requests.js'
import { htpasswd } from '../support/run.js'
import type { Server } from '../support/servers.js'
import { type Front, fronts, frontsAlone, spellings } from './fronts.js'

// The configuration in deploy/, run by the real proxies in front of a server that records what reaches it. Two of each share one
// htgate, all at once; nginx and Apache alone give the same guarantees.

const NAME = 'mlflow.example.com'
const right = basic('alice', 'pässwörd')
const wrong = basic('alice', 'wrong')

let folder: string
let passwords: string
let certificate: Certificate
let echo: Echo
let htgate: Server

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'htgate-fronts-'))
  chmodSync(folder, 0o755)
  passwords = join(folder, 'htpasswd')
  certificate = makeCertificate(folder, NAME)
  // Cost 5: nginx and Apache hash on every request.
  await htpasswd(['-cbB', passwords, 'alice', 'pässwörd'])
  await htpasswd(['-bB', passwords, 'bob', 'secret'])
  await htpasswd(['-bB', passwords, 'carol', 'secret'])
  echo = await startEcho()
  const roles = ['--admins', 'user:alice', '--readers', 'user:bob']
  htgate = await startHtgate(['--file', passwords, '--forward-auth', '--trust-proxy', 'loopback', ...roles])
})

afterAll(async () => {
  await htgate?.stop()
  await echo?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** A running proxy, and its clients' address, since wrong guesses are delayed by address. */
interface Running {
  readonly server: Server
  readonly client: string
}

let started = 0

/** The front with separate servers; undefined until its tests run. */
function running(front: Front): () => Running {
  let server: Server
  const client = `127.0.0.${10 + ++started}`
  beforeAll(async () => {
    const own = join(folder, client)
    mkdirSync(own)
    const ports = { upstream: echo.port, htgate: htgate.port }
    server = await front.start({ folder: own, ...ports, passwords, certificate })
    await ready({ server, client })
  })
  afterAll(() => server?.stop())
  return () => ({ server, client })
}

/** Some proxies listen before they have read their routes. */
const ready = (front: Running) =>
  vi.waitFor(async () => expect((await get(front, '/')).status).toBe(401), { timeout: 60_000, interval: 100 })

interface Options {
  readonly method?: string
  readonly authorization?: string
  readonly headers?: OutgoingHttpHeaders
}

/** Begins a request, as a client on the far side of the proxy does; its body and end are the caller's. */
function begin({ server, client }: Running, path: string, options: Options): ClientRequest {
  const { method = 'GET', authorization, headers } = options
  return request({
    host: '127.0.0.1',
    localAddress: client,
    port: server.port,
    servername: NAME,
    ca: certificate.ca,
    agent: false,
    method,
    path,
    headers: { host: NAME, ...(authorization ? { authorization } : {}), ...headers },
  })
}

async function answered(sent: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return response
}

async function get(front: Running, path: string, options: Options = {}) {
  const response = await answered(begin(front, path, options).end())
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}

async function text(response: IncomingMessage): Promise<string> {
  let all = ''
  for await (const chunk of response.setEncoding('utf8')) all += chunk
  return all
}

/** What every proxy in front of MLflow must do, whichever program verifies the password. */
function keepsThePromises(front: () => Running): void {
  test('the right password is accepted; the upstream gets the name, and nothing else about the login', async () => {
    const { status, body } = await get(front(), '/a%20b/%C3%A9?q=%2F', {
      authorization: right,
      headers: {
        'x-forwarded-user': 'root',
        'x-remote-user': 'root',
        'remote-user': 'root',
        'x-forwarded-for': '8.8.8.8',
        'x-mlflow-authorization': right,
      },
    })
    expect(status).toBe(200)
    const { url, headers } = JSON.parse(body) as Seen
    expect(url).toBe('/a%20b/%C3%A9?q=%2F')
    expect(headers).toMatchObject({
      host: NAME,
      'x-forwarded-user': 'alice',
      'x-forwarded-proto': 'https',
      // The last one counts; the client can choose those before it.
      'x-forwarded-for': expect.stringMatching(`(^|[ ,])${front().client}$`),
    })
    expect(headers).not.toHaveProperty('authorization')
    expect(headers).not.toHaveProperty('x-mlflow-authorization')
    expect(JSON.stringify(headers)).not.toContain('root')
  })

  test('no spelling of an identity header lets a client choose its name', async () => {
    const claims = Object.fromEntries(
      spellings('x-forwarded-user', 'x-forwarded-groups', 'x-remote-user', 'remote-user').map((name) => [
        name,
        'root',
      ]),
    )
    const { status, body } = await get(front(), '/', { authorization: right, headers: claims })
    expect(status).toBe(200)
    expect(body).not.toContain('root')
  })

  test('a client that lists the name among its hop-by-hop headers cannot become anonymous', async () => {
    const connection = 'close, X-Forwarded-User, X-Forwarded-For, Authorization'
    const { status, body } = await get(front(), '/', { authorization: right, headers: { connection } })
    if (status === 200) expect(JSON.parse(body).headers).toMatchObject({ 'x-forwarded-user': 'alice' })
    else expect(status).toBeGreaterThanOrEqual(400)
  })

  test.each(['HEAD', 'OPTIONS', 'PROPFIND'])('%s needs the password, too', async (method) => {
    expect((await get(front(), '/', { method })).status).toBe(401)
    expect((await get(front(), '/', { method, authorization: right })).status).toBe(200)
  })

  test.each([
    ['without a password', undefined],
    ['with a wrong password', wrong],
    ['with an unknown user', basic('mallory', 'pässwörd')],
    ['with nonsense', 'Basic %%%'],
  ])('%s: 401, and nothing reaches the upstream', async (name, authorization) => {
    const path = `/refused-${name.replaceAll(' ', '-')}`
    const { status, headers } = await get(front(), path, authorization ? { authorization } : {})
    expect(status).toBe(401)
    expect(headers['www-authenticate']).toMatch(/^Basic realm="MLflow Login"/i)
    expect(echo.targets).not.toContain(path)
  })

  test('a large body arrives complete, whether its length is known or not', async () => {
    const bytes = randomBytes(32 << 20)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    for (const headers of [{ 'content-length': bytes.length }, { 'transfer-encoding': 'chunked' }]) {
      const sent = begin(front(), '/upload', { method: 'PUT', authorization: right, headers })
      const response = answered(sent)
      await pipeline(Readable.from([bytes]), sent)
      expect(JSON.parse(await text(await response))).toMatchObject({
        method: 'PUT',
        bytes: bytes.length,
        sha256,
      })
    }
  })

  test('the start of a body is forwarded before its end', async () => {
    const path = `/begun-${front().client}`
    const sent = begin(front(), path, {
      method: 'PUT',
      authorization: right,
      headers: { 'transfer-encoding': 'chunked' },
    })
    sent.on('error', () => {})
    sent.write(Buffer.alloc(64 << 10)) // Apache buffers the first 16 KiB before it forwards anything.
    await vi.waitFor(() => expect(echo.begun).toContain(path), { timeout: 10_000 })
    sent.destroy()
  })

  test('an event is forwarded while the stream continues', async () => {
    const sent = begin(front(), '/events', { authorization: right }).end()
    const response = await answered(sent)
    const [first] = await once(response, 'data')
    expect(String(first)).toBe('data: first\n\n')
    sent.on('error', () => {}).destroy()
  })

  test('a WebSocket opens only with the right password', async () => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'c2l4dGVlbiBieXRlcyEhIQ==',
      'sec-websocket-version': '13',
    }
    const refused = await answered(begin(front(), '/socket', { authorization: wrong, headers }).end())
    expect(refused.resume().statusCode).toBe(401)

    const sent = begin(front(), '/socket', { authorization: right, headers }).end()
    const [response, socket] = await once(sent, 'upgrade')
    expect(response.statusCode).toBe(101)
    socket.write('hello')
    const [echoed] = await once(socket, 'data')
    expect(String(echoed)).toBe('hello')
    socket.on('error', () => {}).destroy()
  })

  test('idle connections to MLflow are closed before MLflow closes them, which could lose a POST', async () => {
    await get(front(), '/', { authorization: right })
    await expect.poll(echo.idleConnections, { timeout: 30_000 }).toBe(0)
  })
}

/** What every proxy with forward-auth must do for htgate's roles. */
function keepsRoles(front: () => Running): void {
  const reader = basic('bob', 'secret')
  const send = (method: string, path: string, headers: OutgoingHttpHeaders = {}) =>
    get(front(), path, { method, authorization: reader, headers })

  test('a reader can only read, judged by the method and path that reach the upstream', async () => {
    const read = '/api/2.0/mlflow/experiments/search'
    const write = '/api/2.0/mlflow/experiments/create'
    expect((await send('GET', read)).status).toBe(200)
    const before = echo.targets.length
    for (const target of [
      write,
      `/${write}`,
      '/api/2.0/mlflow/experiments%2Fcreate',
      '/api/2.0/mlflow/experiments/%63reate',
      '/api/2.0/mlflow/experiments//create',
      '/health/../api/2.0/mlflow/experiments/create',
    ]) {
      expect((await send('POST', target)).status, target).toBeGreaterThanOrEqual(400)
    }
    const claims = [
      { 'x-forwarded-method': 'GET', 'x-forwarded-uri': read },
      { 'x-original-method': 'GET', 'x-original-uri': read },
      { 'x-original-method': 'GET', 'x-original-url': read },
      { 'x-http-method-override': 'GET' },
      { connection: 'close, X-Forwarded-Method, X-Forwarded-Uri, X-Original-Method, X-Original-URI' },
    ]
    for (const headers of claims) {
      expect((await send('POST', write, headers)).status, JSON.stringify(headers)).toBeGreaterThanOrEqual(400)
    }
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    const forged = await get(front(), write, { method: 'POST', authorization: right, headers: foreign })
    expect(forged.status).toBe(403)
    expect(echo.targets.length).toBe(before)
    const own = { origin: `https://${NAME}`, 'sec-fetch-site': 'same-origin' }
    expect((await get(front(), write, { method: 'POST', authorization: right, headers: own })).status).toBe(
      200,
    )
    const olderBrowser = { origin: `https://${NAME}` }
    const older = await get(front(), write, { method: 'POST', authorization: right, headers: olderBrowser })
    expect(older.status).toBe(200)
  })
}

for (const front of frontsAlone) {
  describeWith([front.program, 'openssl'], front.name, () => {
    keepsThePromises(running(front))
  })
}

const programs = new Set(fronts.map((front) => front.program))
describeWith([...programs, 'openssl'], 'two of each proxy share one htgate', () => {
  const all = fronts.flatMap((front) =>
    [1, 2].map((n) => ({ name: `${front.name} (${n})`, front: running(front) })),
  )

  describe.each(all)('$name', ({ front }) => {
    keepsThePromises(front)
    keepsRoles(front)
  })

  test('a deleted user is rejected everywhere, even if decisions are cached', async () => {
    const authorization = basic('bob', 'secret')
    const statuses = () =>
      Promise.all(all.map(async ({ front }) => (await get(front(), '/', { authorization })).status))
    expect(await statuses()).toEqual(all.map(() => 200))

    await htpasswd(['-D', passwords, 'bob'])
    await expect.poll(statuses, { timeout: 30_000, interval: 100 }).toEqual(all.map(() => 401))
  })

  test('while htgate is down, all requests are rejected', async () => {
    await htgate.stop()
    for (const { front } of all) {
      const { status } = await get(front(), '/htgate-is-down', { authorization: right })
      expect(status).toBeGreaterThanOrEqual(500)
    }
    expect(echo.targets).not.toContain('/htgate-is-down')
  })
})

describe.each(fronts)('$name', (front) => {
  describeWith([front.program, 'openssl'], "shows htgate's own status", () => {
    let own: Server
    let server: Server
    beforeAll(async () => {
      const options = ['--forward-auth', '--trust-proxy', 'loopback', '--login-failures', '1']
      const roles = ['--readers', 'user:alice', '--admins', 'user:carol']
      own = await startHtgate(['--file', passwords, ...options, ...roles])
      const around = mkdtempSync(join(folder, 'statuses-'))
      const ports = { upstream: echo.port, htgate: own.port }
      server = await front.start({ folder: around, ...ports, passwords, certificate })
      await ready({ server, client: '127.0.0.199' })
    })
    afterAll(async () => {
      await server?.stop()
      await own?.stop()
    })

    test('403 without the role', async () => {
      const client = { server, client: '127.0.0.200' }
      const create = '/api/2.0/mlflow/experiments/create'
      expect((await get(client, create, { method: 'POST', authorization: right })).status).toBe(403)
    })

    test('429 with Retry-After and a message', async () => {
      const client = { server, client: '127.0.0.201' }
      expect((await get(client, '/', { authorization: wrong })).status).toBe(401)
      const { status, headers, body } = await get(client, '/', { authorization: wrong })
      expect(status).toBe(429)
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      expect(JSON.parse(body)).toMatchObject({ error_code: 'REQUEST_LIMIT_EXCEEDED' })
    })

    test("an error of the upstream keeps the upstream's status and body", async () => {
      const { status, body } = await get({ server, client: '127.0.0.202' }, '/status/500', {
        authorization: basic('carol', 'secret'),
      })
      expect({ status, body }).toEqual({ status: 500, body: 'status 500' })
    })

    test('503, or an error of the proxy, while htgate is down', async () => {
      await own.stop()
      const { status } = await get({ server, client: '127.0.0.203' }, '/', { authorization: right })
      expect(status).toBe({ caddy: 502, traefik: 500 }[front.program] ?? 503)
    })
  })
})

describeWith(['nginx', 'openssl'], "nginx caches htgate's decisions", () => {
  const front = fronts.find(({ name }) => name.includes('cached')) as Front
  let asked: string[]
  let cache: string
  let oracle: HttpServer
  let server: Server
  beforeAll(async () => {
    // A stand-in for htgate: accepts one password, and counts requests.
    asked = []
    oracle = createServer((request, response) => {
      asked.push(`${request.headers['x-forwarded-method']} ${request.headers['x-forwarded-uri']}`)
      const isRight = request.headers.authorization === right
      response.writeHead(isRight ? 200 : 401, isRight ? { 'X-Forwarded-User': 'alice' } : {}).end()
    })
    await once(oracle.listen(0, '127.0.0.1'), 'listening')
    const around = join(folder, 'cached')
    cache = join(around, 'cache')
    mkdirSync(around)
    const ports = { upstream: echo.port, htgate: (oracle.address() as AddressInfo).port }
    server = await front.start({ folder: around, ...ports, passwords, certificate })
  })
  afterAll(async () => {
    await server?.stop()
    oracle?.close()
  })
  const client = () => ({ server, client: '127.0.0.204' })

  test('a burst of requests causes about one check per second, and each still reaches the upstream with the name', async () => {
    const started = performance.now()
    for (let i = 0; i < 50; i++) {
      const { status, body } = await get(client(), '/burst', { authorization: right })
      expect(status).toBe(200)
      expect(JSON.parse(body).headers).toMatchObject({ 'x-forwarded-user': 'alice' })
    }
    const seconds = Math.ceil((performance.now() - started) / 1000)
    expect(asked.filter((each) => each === 'GET /burst').length).toBeLessThanOrEqual(seconds + 1)
  })

  test('a decision applies only to its method, URI and credentials', async () => {
    await get(client(), '/one', { authorization: right })
    await get(client(), '/one', { authorization: right, method: 'DELETE' })
    await get(client(), '/two', { authorization: right })
    expect(asked).toEqual(expect.arrayContaining(['GET /one', 'DELETE /one', 'GET /two']))
    expect((await get(client(), '/one', { authorization: wrong })).status).toBe(401)
    expect((await get(client(), '/one')).status).toBe(401)
    expect((await get(client(), '/one', { headers: { cookie: `x=${right}` } })).status).toBe(401)
  })

  test('requests that differ only in where one header ends and the next begins have separate decisions', async () => {
    // Joined by spaces, both would be `a=1 GET /r b POST /w c d`.
    const first = { cookie: 'a=1', origin: 'b POST', 'sec-fetch-site': '/w c d' }
    const second = { cookie: 'a=1 GET /r b', origin: 'c', 'sec-fetch-site': 'd' }
    await get(client(), '/r', { authorization: right, headers: first })
    await get(client(), '/w', { method: 'POST', authorization: right, headers: second })
    expect(asked).toEqual(expect.arrayContaining(['GET /r', 'POST /w']))
  })

  test('a refusal is never cached', async () => {
    for (let i = 0; i < 3; i++)
      expect((await get(client(), '/no', { authorization: wrong })).status).toBe(401)
    expect(asked.filter((each) => each === 'GET /no')).toHaveLength(3)
  })

  test('only nginx can read the cache folder, which holds passwords', () => {
    expect(statSync(cache).mode & 0o077).toBe(0)
  })
})

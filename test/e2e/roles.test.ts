import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseRoutes } from '../../src/policy/mlflow.js'
import { MLFLOW_ROUTES } from '../../src/policy/mlflow-routes.js'
import { startHtgate } from '../support/htgate.js'
import { mlflowClient, postJson, startMlflow, stateOf } from '../support/mlflow.js'
import { describeWith } from '../support/peers.js'
import { basic } from '../support/requests.js'
import { htpasswd, type Result } from '../support/run.js'
import type { Server } from '../support/servers.js'

// Roles in front of the real MLflow: a reader tries every known bypass, and nothing changes; then each role does its work with
// MLflow's own client.

const USERS = ['rita', 'will', 'ada'] as const
const ROLES = ['--readers', 'group:staff', '--writers', 'group:ml-team', '--admins', 'user:ada']

let folder: string
let passwords: string
let groups: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'htgate-roles-'))
  chmodSync(folder, 0o755)
  passwords = join(folder, 'htpasswd')
  groups = join(folder, 'groups')
  writeFileSync(passwords, '')
  for (const user of USERS) await htpasswd(['-bB', '-C', '4', passwords, user, user])
  writeFileSync(groups, 'staff: rita\nml-team: will\n')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describeWith(['mlflow'], 'MLflow 3', () => guarded('mlflow'))
describeWith(['mlflow', 'mlflow-2.22'], 'MLflow 2.22', () => guarded('mlflow-2.22'))
describeWith(['mlflow'], 'MLflow 3 under a static prefix, in gunicorn', () =>
  guarded('mlflow', '/team/mlflow', [
    '--static-prefix',
    '/team/mlflow',
    '--gunicorn-opts',
    '--log-level warning',
  ]),
)

function guarded(version: 'mlflow' | 'mlflow-2.22', prefix = '', args: string[] = []): void {
  const isFirst = version === 'mlflow' && prefix === ''
  let home: string
  let mlflow: Server
  let gate: Server
  let asks: Server
  /** State that a write would change. */
  let experiment: string
  let run: string

  beforeAll(async () => {
    home = join(folder, `${version}${prefix.replaceAll('/', '-')}`)
    mlflow = await startMlflow(home, { version, args })
    const roles = ['--file', passwords, '--group-file', groups, ...ROLES]
    gate = await startHtgate([...roles, '--upstream', mlflow.url])
    asks = await startHtgate([...roles, '--forward-auth', '--trust-proxy', 'loopback'])
    experiment = (await write('experiments/create', { name: 'kept' })).experiment_id
    run = (await write('runs/create', { experiment_id: experiment, run_name: 'kept' })).run.info.run_id
    await write('registered-models/create', { name: 'kept' })
  }, 180_000)

  afterAll(async () => {
    await asks?.stop()
    await gate?.stop()
    await mlflow?.stop()
  })

  /** As a writer, through the gate. */
  const write = (path: string, body: object) =>
    postJson(`${gate.url}${prefix}/api/2.0/mlflow/${path}`, 'will', body)

  /** Requests that change something when a writer or an admin sends them, and bodies for them. */
  const changes = (): [method: string, path: string, body: object | string][] => [
    ['POST', '/api/2.0/mlflow/experiments/create', { name: `x${Math.random()}` }],
    ['POST', '/ajax-api/2.0/mlflow/experiments/delete', { experiment_id: experiment }],
    ['POST', '/api/2.0/mlflow/experiments/update', { experiment_id: experiment, new_name: 'changed' }],
    ['POST', '/api/2.0/mlflow/runs/create', { experiment_id: experiment }],
    ['POST', '/ajax-api/2.0/mlflow/runs/update', { run_id: run, run_name: 'changed' }],
    ['POST', '/api/2.0/mlflow/runs/delete', { run_id: run }],
    ['POST', '/api/2.0/mlflow/runs/log-metric', { run_id: run, key: 'm', value: 1, timestamp: 1 }],
    ['POST', '/api/2.0/mlflow/registered-models/create', { name: `x${Math.random()}` }],
    ['PATCH', '/api/2.0/mlflow/registered-models/update', { name: 'kept', description: 'changed' }],
    ['DELETE', '/api/2.0/mlflow/registered-models/delete', { name: 'kept' }],
    ['PUT', `/api/2.0/mlflow-artifacts/artifacts/${experiment}/x.txt`, 'content'],
    ['POST', `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${run}&path=x.txt`, 'content'],
    ...(version === 'mlflow'
      ? ([
          ['POST', '/api/2.0/mlflow/webhooks', { name: 'x', url: 'https://example.org', events: [] }],
          ['POST', '/api/3.0/mlflow/traces', { trace: {} }],
          ['POST', '/ajax-api/3.0/mlflow/datasets/create', { name: 'x', experiment_ids: [experiment] }],
          ['DELETE', '/api/3.0/mlflow/mcp-servers/a/b', {}],
        ] as [string, string, object][])
      : []),
  ]

  test('a reader changes nothing, however the request is spelled', async () => {
    const before = await stateOf(home)
    const routes = parseRoutes(MLFLOW_ROUTES).filter(({ access }) => access === 'write' || access === 'admin')
    const generic = routes.map(({ method, path }): [string, string, object] => [
      method,
      path.replace(/<path:\w+>/g, 'some/where').replace(/<\w+>/g, 'x1'),
      {},
    ])
    const requests = [
      ...changes().flatMap(([method, path, body]) =>
        spellings(method, prefix + path).map((how) => ({ ...how, body })),
      ),
      // The other routes take turns with a few spellings each.
      ...generic.flatMap(([method, path, body], i) => {
        const all = spellings(method, prefix + path)
        const some = isFirst ? [1, 2, 3, 4].map((n) => all[(4 * i + n) % all.length] as Spelled) : []
        return [{ method, target: prefix + path }, ...some].map((how) => ({ ...how, body }))
      }),
    ]
    const answers = await sendAll(gate.port, requests, basic('rita', 'rita'))
    const passed = answers.filter(({ status }) => status < 400)
    // HEAD and OPTIONS of a route may pass, since they change nothing; so may a GET of a path that is read.
    expect(passed.filter(({ method, target }) => !isRead(method, target))).toEqual([])
    expect(answers.filter(({ status }) => status === 0)).toEqual([])
    const after = await stateOf(home)
    expect(after).toEqual(before)
  }, 300_000)

  test('a reader changes nothing by a WebSocket or HTTP/1.0', async () => {
    const before = await stateOf(home)
    for (const [method, path, body] of changes()) {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const login = `Authorization: ${basic('rita', 'rita')}\r\n`
      const upgrade =
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n'
      for (const head of [
        `${method} ${prefix}${path} HTTP/1.0\r\n${login}Content-Length: ${Buffer.byteLength(text)}\r\n`,
        `${method} ${prefix}${path} HTTP/1.1\r\nHost: x\r\n${login}${upgrade}Content-Length: ${Buffer.byteLength(text)}\r\n`,
        `GET ${prefix}${path} HTTP/1.1\r\nHost: x\r\n${login}${upgrade}`,
      ]) {
        expect(await statusOfRaw(gate.port, `${head}\r\n${head.startsWith('GET') ? '' : text}`), head).toBe(
          403,
        )
      }
    }
    expect(await stateOf(home)).toEqual(before)
  }, 60_000)

  test('forward-auth refuses the same requests, judging the original method and URI', async () => {
    const requests = changes().flatMap(([method, path]) => spellings(method, prefix + path))
    for (const { method, target } of requests) {
      // A proxy forwards what its own parser accepted, without absolute form and white space.
      if (!target.startsWith('/') || !/^[A-Z]+$/.test(method) || isRead(method, target)) continue
      const response = await fetch(asks.url, {
        headers: {
          authorization: basic('rita', 'rita'),
          'x-forwarded-method': method,
          'x-forwarded-uri': target,
        },
      })
      expect([400, 403], `${method} ${target}`).toContain(response.status)
    }
    const [method, path] = changes()[0] as [string, string, object]
    const response = await fetch(asks.url, {
      headers: {
        authorization: basic('will', 'will'),
        'x-forwarded-method': method,
        'x-forwarded-uri': prefix + path,
      },
    })
    expect(response.status).toBe(200)
  })

  test('GraphQL is a read: its mutations change nothing', async () => {
    const before = await stateOf(home)
    for (const query of [
      'mutation { testMutation(inputString: "x") { echo } }',
      'mutation { mlflowCreateExperiment(input: {name: "x"}) { experimentId } }',
      `query { mlflowGetExperiment(input: {experimentId: "${experiment}"}) { experiment { name } } }`,
    ]) {
      const response = await fetch(`${gate.url}${prefix}/graphql`, {
        method: 'POST',
        headers: { authorization: basic('rita', 'rita'), 'content-type': 'application/json' },
        body: JSON.stringify({ query, operationName: null, variables: {} }),
      })
      expect(response.status).not.toBe(403)
    }
    expect(await stateOf(home)).toEqual(before)
  })

  test('the same requests from an admin do change something', async () => {
    // Otherwise the tests of the reader would prove nothing.
    let before = await stateOf(home)
    for (const [method, path, body] of changes()) {
      if (/traces|datasets|mcp|webhooks/.test(path)) continue
      const answers = await sendAll(gate.port, [{ method, target: prefix + path, body }], basic('ada', 'ada'))
      expect(
        answers.map(({ status }) => status),
        `${method} ${path}`,
      ).toEqual([200])
      const after = await stateOf(home)
      expect(after, `${method} ${path}`).not.toEqual(before)
      before = after
      if (path.endsWith('experiments/delete'))
        await write('experiments/restore', { experiment_id: experiment })
      if (path.endsWith('runs/delete')) await write('runs/restore', { run_id: run })
      before = await stateOf(home)
    }
  }, 60_000)

  if (!isFirst) return

  const client = (user: string, command: string[]): Promise<Result> =>
    mlflowClient('test/e2e/client.py', command, {
      MLFLOW_TRACKING_URI: gate.url,
      MLFLOW_TRACKING_USERNAME: user,
      MLFLOW_TRACKING_PASSWORD: user,
    })

  test('a reader’s log_metric fails at once with an MlflowException that names the missing role', async () => {
    const started = Date.now()
    const { status, stderr } = await client('rita', ['metric', run])
    expect(Date.now() - started).toBeLessThan(60_000)
    expect(status).not.toBe(0)
    expect(stderr.toString()).toMatch(
      /mlflow\.exceptions\.\w*Exception: PERMISSION_DENIED: .*requires the write role/,
    )
  })

  test('a reader reads, a writer logs a training run with artifacts, an admin creates webhooks', async () => {
    expect(String((await client('rita', ['ping'])).stdout)).toMatch(/^\d+\n$/)
    const written = await client('will', ['all', String(1 << 20)])
    expect(written.stderr.toString().includes('Exception')).toBe(false)
    expect(written.stdout.toString()).toMatch(/^\d+ [0-9a-f]{32}$/m)
    expect((await client('will', ['webhook'])).stderr.toString()).toContain('requires the admin role')
    const made = await client('ada', ['webhook'])
    expect(made.stdout.toString(), made.stderr.toString()).toMatch(/^\S+\n$/)
  }, 180_000)
}

const isRead = (method: string, target: string): boolean =>
  /^(?:GET|HEAD|OPTIONS)$/i.test(method) || target === '/api/2.0/mlflow/experiments/search'

interface Spelled {
  readonly method: string
  readonly target: string
  readonly headers?: string
}

/** A request, and spellings of it that might slip through. */
function spellings(method: string, target: string): Spelled[] {
  const [path = '', query] = target.split('?')
  const rest = query === undefined ? '' : `?${query}`
  const last = path.lastIndexOf('/')
  const encode = (text: string, at: number) =>
    `${text.slice(0, at)}%${text.charCodeAt(at).toString(16)}${text.slice(at + 1)}`
  const targets = [
    path,
    encode(path, last + 1),
    encode(path, 1),
    `${path.slice(0, last)}%2F${path.slice(last + 1)}`,
    `${path.slice(0, last)}%2f${path.slice(last + 1)}`,
    `${path.slice(0, last)}%252F${path.slice(last + 1)}`,
    `/${path}`,
    `${path.slice(0, last)}//${path.slice(last + 1)}`,
    `${path.slice(0, last)}/./${path.slice(last + 1)}`,
    `${path.slice(0, last)}/x/../${path.slice(last + 1)}`,
    `/health/..${path}`,
    `/static-files/%2e%2e${path}`,
    `${path};x`,
    `${path}/`,
    `${path}%00`,
    `${path}%0a`,
    `${path}%20`,
    `${path}.`,
    `${path}%23`,
    path.toUpperCase(),
    path.replace('/api/', '/ajax-api/'),
    path.replace('/api/', '/API/'),
    path.replace('/api/', '\\api\\'),
    `/elsewhere${path}`,
    `/api/2.0/mlflow/experiments/search${path}`,
  ].map((path) => ({ method, target: path + rest }))
  const headers = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'].map((name) => ({
    method: 'GET',
    target,
    headers: `${name}: ${method}\r\n`,
  }))
  return [
    ...targets,
    ...headers,
    {
      method: 'POST',
      target: '/api/2.0/mlflow/experiments/search',
      headers: `X-Original-URL: ${path}\r\nX-Rewrite-URL: ${path}\r\n`,
    },
    { method: 'GET', target: `/static-files${target}`, headers: 'SCRIPT_NAME: /static-files\r\n' },
    { method, target: `/health${target}`, headers: 'SCRIPT_NAME: /health\r\n' },
    { method, target: `http://other.example${target}` },
    { method: method.toLowerCase(), target },
    { method: 'GET', target: `${target}${query === undefined ? '?' : '&'}_method=${method}` },
    ...['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'].map((method) => ({ method, target })),
  ]
}

interface Answered {
  readonly method: string
  readonly target: string
  readonly status: number
}

/** Sends raw requests on a few connections, each after the response to the previous one. */
async function sendAll(
  port: number,
  requests: readonly (Spelled & { body: object | string })[],
  authorization: string,
): Promise<Answered[]> {
  const queue = requests.entries()
  const answers: Answered[] = []
  async function sender(): Promise<void> {
    for (const [i, { method, target, headers = '', body }] of queue) {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const bytes = /^(?:get|head|options)$/i.test(method) ? '' : text
      const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nConnection: close\r\nContent-Type: application/json\r\n${headers}Content-Length: ${Buffer.byteLength(bytes)}\r\n\r\n`
      answers[i] = { method, target, status: await statusOfRaw(port, head + bytes) }
    }
  }
  await Promise.all(Array.from({ length: 8 }, sender))
  return answers
}

/** The status of the response to a raw request; 0 if there is none. */
function statusOfRaw(port: number, request: string): Promise<number> {
  return new Promise((resolve) => {
    let text = ''
    const done = () => {
      socket.destroy()
      resolve(Number(/^HTTP\/1\.\d (\d+)/.exec(text)?.[1] ?? 0))
    }
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    socket.setTimeout(30_000, done)
    socket.on('data', (part: Buffer) => {
      text += part
      if (text.includes('\r\n\r\n')) done()
    })
    socket.on('error', done).on('close', done)
  })
}

import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { logOf, startHtgate } from '../support/htgate.js'
import { mlflowClient, startMlflow } from '../support/mlflow.js'
import { describeWith } from '../support/peers.js'
import { type Postgres, startPostgres } from '../support/postgres.js'
import { basic } from '../support/requests.js'
import { htpasswd, type Result } from '../support/run.js'
import { freePort, type Server } from '../support/servers.js'

// A real MLflow behind htgate, used with MLflow's own client: client.py does what a user does.

const FULL = process.env.HTGATE_FULL === '1'
const LARGE = FULL ? 1 << 30 : 32 << 20

const USER = 'zoë'
const PASSWORD = 'pässwörd: 1'

const credentials = { MLFLOW_TRACKING_USERNAME: USER, MLFLOW_TRACKING_PASSWORD: PASSWORD }
/** Makes the client retry 5xx once, instead of for minutes. */
const impatient = { MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1' }

const client = (server: Server, args: string[], env: Record<string, string> = {}): Promise<Result> =>
  mlflowClient('test/e2e/client.py', args, { MLFLOW_TRACKING_URI: server.url, ...env })

/** The client's last line of output, or its errors if it failed. */
function said({ status, stdout, stderr }: Result): string {
  return status === 0 ? (stdout.toString().trim().split('\n').at(-1) as string) : `failed: ${stderr}`
}

let folder: string
let passwords: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'htgate-mlflow-'))
  chmodSync(folder, 0o755)
  passwords = join(folder, 'htpasswd')
  await htpasswd(['-cbB', '-C', '10', passwords, USER, PASSWORD])
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const gate = (mlflow: Pick<Server, 'url'>, ...args: string[]): Promise<Server> =>
  startHtgate(['--file', passwords, '--upstream', mlflow.url, ...args])

describeWith(['mlflow'], 'MLflow on SQLite, in gunicorn', () => {
  let mlflow: Server
  let htgate: Server

  beforeAll(async () => {
    // gunicorn can write headers into its access log; the server that MLflow starts by default cannot.
    const format = 'user=%({x-forwarded-user}i)s authorization=%({authorization}i)s'
    mlflow = await startMlflow(join(folder, 'sqlite'), {
      args: ['--gunicorn-opts', `--access-logfile - --access-logformat '${format}'`],
    })
    htgate = await gate(mlflow)
  }, 120_000)

  afterAll(async () => {
    await htgate?.stop()
    await mlflow?.stop()
  })

  test('a run with params, metrics, a batch, artifacts and a model is logged completely', async () => {
    expect(said(await client(htgate, ['all', String(LARGE)], credentials))).toMatch(/^\d+ [0-9a-f]{32}$/)
  }, 300_000)

  test.each([
    ['without credentials', {}, 'This server requires a user name and password'],
    ['with a wrong password', { ...credentials, MLFLOW_TRACKING_PASSWORD: 'wrong' }, 'password is wrong'],
  ])('%s, the client fails at once, and shows what to do', async (_, env, words) => {
    const started = Date.now()
    const result = said(await client(htgate, ['ping'], env))
    // A retry would start after 2 seconds, and all of them take minutes.
    expect(Date.now() - started).toBeLessThan(60_000)
    expect(result).toMatch(/^failed: /)
    expect(result).toContain(words)
    expect(result).toContain('MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD')
  })

  test('with MLflow stopped, the client reports 502, and htgate’s response the reason', async () => {
    const gateOfStopped = await gate({ url: `http://127.0.0.1:${await freePort()}` })
    onTestFinished(gateOfStopped.stop)

    // This is all that MLflow's client reports about a response that it retries.
    const result = said(await client(gateOfStopped, ['ping'], { ...credentials, ...impatient }))
    expect(result).toContain('too many 502 error responses')
    const { status, body } = await get(gateOfStopped, '/api/2.0/mlflow/experiments/search')
    expect(status).toBe(502)
    expect(JSON.parse(body).message).toContain('cannot be reached')
  }, 120_000)

  test('while htgate is busy, the client retries, and nothing is lost', async () => {
    // Each address may have a password verified, so many addresses keep the queue full.
    const busy = await gate(mlflow, '--trust-proxy', 'loopback', '--hash-queue', '32')
    onTestFinished(busy.stop)
    await htpasswd(['-bB', '-C', '12', passwords, 'slow', PASSWORD])
    const strangers = floodOfStrangers(busy)
    onTestFinished(strangers.stop)
    await vi.waitFor(() => expect(strangers.statuses).toContain(503), { timeout: 30_000, interval: 50 })

    const run = client(busy, ['metrics', '20'], credentials)
    await vi.waitFor(() => expect(statusesOf(busy, USER)).toContain(503), { timeout: 30_000, interval: 50 })
    await strangers.stop()
    expect(said(await run)).toBe('20')
    expect(statusesOf(busy, USER)).toContain(200)
  }, 120_000)

  test('MLflow’s own log has the user’s name and no Authorization header', async () => {
    expect(said(await client(htgate, ['ping'], credentials))).toMatch(/^\d+$/)
    await vi.waitFor(() => expect(mlflow.output()).toMatch(/^user=\S+ authorization=-$/m), {
      timeout: 20_000,
    })
    // WSGI takes a header's bytes for Latin-1.
    const [, user = ''] = /^user=(\S+) authorization=-$/m.exec(mlflow.output()) ?? []
    expect(Buffer.from(user, 'latin1').toString()).toBe(USER)
    expect(mlflow.output()).not.toMatch(/authorization=[^-]/)
  }, 120_000)
})

describeWith(['mlflow', 'initdb', 'postgres', 'psql'], 'MLflow on PostgreSQL', () => {
  let postgres: Postgres
  let mlflow: Server
  let htgate: Server

  beforeAll(async () => {
    postgres = await startPostgres(join(folder, 'postgres'))
    await postgres.sql(`CREATE ROLE mlflow LOGIN PASSWORD 'right'`)
    await postgres.sql('CREATE DATABASE mlflow OWNER mlflow')
    mlflow = await startMlflow(join(folder, 'on-postgres'), { store: postgres.uri('mlflow', 'right') })
    htgate = await gate(mlflow)
  }, 180_000)

  afterAll(async () => {
    await htgate?.stop()
    await mlflow?.stop()
    await postgres?.stop()
  })

  test('a run with params, metrics, a batch, artifacts and a model is logged completely', async () => {
    expect(said(await client(htgate, ['all', String(1 << 20)], credentials))).toMatch(/^\d+ [0-9a-f]{32}$/)
  }, 300_000)

  test('with a wrong database password, the user sees MLflow’s own error unchanged', async () => {
    await postgres.sql(`ALTER ROLE mlflow PASSWORD 'changed'`)
    await postgres.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mlflow'`)
    const path = '/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default'
    const direct = await get(mlflow, path)
    expect(direct.body).toContain('password authentication failed for user')
    expect(await get(htgate, path)).toEqual(direct)
    // MLflow's client retries 503, and reports this when it gives up, with or without htgate.
    for (const server of [mlflow, htgate]) {
      const result = said(await client(server, ['ping'], { ...credentials, ...impatient }))
      expect(result).toContain('too many 503 error responses')
    }
  }, 120_000)
})

/** A GET with the right credentials. */
async function get(server: Server, path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`${server.url}${path}`, { headers: { authorization: basic(USER, PASSWORD) } })
  return { status: response.status, body: await response.text() }
}

/** Keeps more passwords waiting than htgate's queue holds, each from a different address. */
function floodOfStrangers(server: Server) {
  const statuses: number[] = []
  let stopped = false
  let address = 0
  async function stranger(): Promise<void> {
    while (!stopped) {
      const forwarded = `198.51.${100 + (++address >> 8)}.${address & 255}`
      const headers = { authorization: basic('slow', `guess ${address}`), 'x-forwarded-for': forwarded }
      statuses.push((await fetch(server.url, { headers })).status)
    }
  }
  const all = Promise.all(Array.from({ length: 200 }, stranger))
  return {
    statuses,
    async stop() {
      stopped = true
      await all
    },
  }
}

/** The statuses of responses to `user` in htgate's log. */
function statusesOf(server: Server, user: string): number[] {
  return logOf(server)
    .filter((entry) => entry.user === user)
    .map((entry) => entry.status)
}

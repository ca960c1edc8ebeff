import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import {
  type Agent,
  createServer,
  type IncomingMessage,
  type ServerResponse,
  request as send,
} from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import bcrypt from 'bcryptjs'
import { onTestFinished } from 'vitest'
import { parse } from '../../src/htgate/command-line.js'
import { Exit } from '../../src/htgate/exit-status.js'
import type { Settings } from '../../src/htgate/options/index.js'
import { serve } from '../../src/htgate/serve.js'
import { Log } from '../../src/operations/log.js'
import type { Orders, ProcessControl } from '../../src/processes/process-control.js'
import { capture } from './capture.js'
import { environment } from './environment.js'
import { temporaryFolder } from './folder.js'
import { basic } from './requests.js'
import { until } from './until.js'

export { until }

const BIN = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))

/** The user in most tests, with a cheap hash. */
export const ALICE = basic('alice', 'secret')
const ALICE_RECORD = `alice:${bcrypt.hashSync('secret', 4)}\n`

/** A password file; by default, with Alice only. */
export function passwordFile(content = ALICE_RECORD): string {
  const path = join(temporaryFolder(), '.htpasswd')
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

export const record = (user: string, password: string, cost = 4): string =>
  `${user}:${bcrypt.hashSync(password, cost)}\n`

export interface Gate {
  readonly port: number
  readonly url: string
  /** Its standard error so far. */
  said(): string
  /** Its log so far, one entry per line. */
  log(): Record<string, unknown>[]
  /** Its standard output so far. */
  output(): string
  /** Reloads as on SIGHUP. */
  reload(): void
}

export interface GateProcess extends Gate {
  readonly process: ChildProcess
  /** Resolves to its exit status. */
  readonly ended: Promise<number | null>
}

export interface GateOptions {
  readonly upstream?: string
  /** Default: Alice's. `null`: no password file, for a gate with other ways to log in. */
  readonly file?: string | null
  readonly args?: readonly string[]
  readonly env?: Record<string, string>
  readonly listen?: string
}

function argumentsOf({
  upstream,
  file = passwordFile(),
  args = [],
  listen = '127.0.0.1:0',
}: GateOptions): string[] {
  const target = upstream === undefined ? ['--forward-auth'] : ['--upstream', upstream]
  return [...(file === null ? [] : ['--file', file]), ...target, '--listen', listen, ...args]
}

const LISTENING = /listening on (?:\S+?:(\d+)|\S+) .*\n/

function addressOf(said: string): Pick<Gate, 'port' | 'url'> {
  const port = Number(LISTENING.exec(said)?.[1])
  return { port, url: `http://127.0.0.1:${port}` }
}

const linesOf = (output: string): Record<string, unknown>[] =>
  output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))

/**
 * Starts `htgate` in this process, on a free port, and waits until it listens; it is stopped after the test. That is ten times as
 * fast as `startGateProcess`, which tests of signals and memory need, and which this uses for --workers.
 */
export async function startGate(options: GateOptions): Promise<Gate> {
  const settings = settingsOf(argumentsOf(options), options.env)
  if (settings.workers > 1) return startGateProcess(options)
  const gate = serveHere(settings)
  await gate.started
  return { ...gate, ...addressOf(gate.said()) }
}

/** The exit status and standard error of an `htgate`, in this process, that fails to start with these arguments. */
export async function failedStart(args: readonly string[]): Promise<{ status: number; said: string }> {
  let said = () => ''
  try {
    const gate = serveHere(settingsOf(args))
    said = gate.said
    await gate.started
  } catch (error) {
    if (!(error instanceof Exit)) throw error
    return { status: error.status, said: `${said()}${error.message}` }
  }
  throw new Error(`htgate started: ${said()}`)
}

function settingsOf(args: readonly string[], env: Record<string, string> = {}): Settings {
  const settings = parse(args, env)
  if ('text' in settings) throw new Error(settings.text)
  return settings
}

/** Serves in this process until the test ends; `started` rejects if startup fails. */
function serveHere(settings: Settings): Omit<Gate, 'port' | 'url'> & { readonly started: Promise<void> } {
  const path = join(temporaryFolder(), 'stdout')
  const fd = openSync(path, 'w')
  let said = ''
  const output = () => readFileSync(path, 'utf8')
  let orders: Orders | undefined
  const control: ProcessControl = {
    isLogLeader: true,
    sharedKey: randomBytes(32),
    stopped: new Promise(() => {}),
    obey(given) {
      orders = given
    },
    send: () => {},
    reportReadiness: () => {},
    kill: () => {},
  }
  let stop = (_: string) => {}
  const stopped = new Promise<string>((resolve) => (stop = resolve))
  const ended = capture(
    'stderr',
    (text) => (said += text),
    () => serve({ ...settings, drainTimeout: 0 }, stopped, { control, log: new Log(settings.log, fd) }),
  )
  const closed = ended.catch(() => {}).finally(() => closeSync(fd))
  onTestFinished(async () => {
    stop('the test has ended')
    await closed
  })
  const started = Promise.race([
    until(
      () => orders !== undefined,
      () => said,
    ),
    ended,
  ])
  return {
    started,
    said: () => said,
    output,
    log: () => linesOf(output()),
    reload: () => orders?.reload(),
  }
}

/** Starts `htgate` on a free port and waits until it listens; it is stopped after the test. */
export async function startGateProcess(options: GateOptions): Promise<GateProcess> {
  const gate = runGate(argumentsOf(options), options.env)
  await until(() => LISTENING.test(gate.said()) || gate.process.exitCode !== null, gate.said)
  return { ...gate, ...addressOf(gate.said()) }
}

/** Runs `htgate` with these arguments; it is stopped after the test. */
export function runGate(
  args: readonly string[],
  env: Record<string, string> = {},
): Omit<GateProcess, 'port' | 'url'> {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { ...environment, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk))
  child.stdout.on('data', (chunk: Buffer) => (output += chunk))
  // A process that is killed may reset its pipes.
  for (const stream of [child.stdout, child.stderr]) stream.on('error', () => {})
  const ended = once(child, 'close').then(([status]) => status as number | null)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return {
    process: child,
    said: () => said,
    output: () => output,
    log: () => linesOf(output),
    reload: () => void child.kill('SIGHUP'),
    ended,
  }
}

export interface Seen {
  readonly method: string
  readonly url: string
  /** Names in lower case, and values, in order. */
  readonly headers: [string, string][]
  readonly body: string
}

export interface Upstream {
  readonly url: string
  readonly port: number
  /** The requests received, each once its body is complete. */
  readonly seen: Seen[]
  /** The number of requests of which at least the head was received. */
  heads(): number
  readonly server: ReturnType<typeof createServer>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Starts a server without a login, in place of MLflow. By default, it records each request and responds with `ok`. */
export async function startUpstream(handler?: Handler): Promise<Upstream> {
  const seen: Seen[] = []
  let heads = 0
  const server = createServer((request, response) => {
    heads++
    if (handler) return handler(request, response)
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      seen.push({
        method: request.method as string,
        url: request.url as string,
        headers: pairs(request.rawHeaders),
        body: Buffer.concat(parts).toString(),
      })
      response.end('ok')
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, seen, heads: () => heads, server }
}

function pairs(raw: readonly string[]): [string, string][] {
  const all: [string, string][] = []
  for (let i = 0; i < raw.length; i += 2) all.push([(raw[i] as string).toLowerCase(), raw[i + 1] as string])
  return all
}

/** All values of a header that the upstream received. */
export const valuesOf = (seen: Seen | undefined, name: string): string[] =>
  seen?.headers.filter(([each]) => each === name).map(([, value]) => value) ?? []

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: [string, string][]
  readonly body: string
}

export interface RequestOptions {
  readonly method?: string
  readonly headers?: Record<string, string | string[]>
  readonly body?: string
  readonly socketPath?: string
  /** Default: a new connection for each request. */
  readonly agent?: Agent
}

/** Sends a request, on a new connection unless there is an agent. */
export function request(url: string, { body, ...options }: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = send(url, { agent: false, ...options }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode as number,
          headers: response.headers,
          rawHeaders: pairs(response.rawHeaders),
          body: text,
        }),
      )
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** The same, as Alice. */
export const asAlice = (url: string, options: RequestOptions = {}): Promise<Answer> =>
  request(url, { ...options, headers: { authorization: ALICE, ...options.headers } })

export interface Raw {
  readonly socket: Socket
  /** Everything received so far. */
  text(): string
  /** Resolves when the other side has closed the connection. */
  readonly closed: Promise<void>
}

/** Opens a bare connection and sends `text`, byte for byte. */
export function raw(port: number, text: string): Raw {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1')
  socket.on('data', (part) => (received += part))
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  onTestFinished(() => void socket.destroy())
  socket.write(text, 'latin1')
  return { socket, text: () => received, closed }
}

/** The statuses of the responses that a bare connection received. */
export const statuses = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))

/** Resident memory, in bytes (proc(5)). */
export const memoryOf = (gate: Pick<GateProcess, 'process'>): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${gate.process.pid}/status`, 'latin1'))?.[1]) * 1024

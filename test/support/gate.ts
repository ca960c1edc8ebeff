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
import { environment } from './environment.js'
import { temporaryFolder } from './folder.js'
import { heard } from './heard.js'
import { basic } from './requests.js'
import { until } from './until.js'

export { until }

const BIN = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))

/** The one user that most tests need, with a cheap hash. */
export const ALICE = basic('alice', 'secret')
const ALICE_RECORD = `alice:${bcrypt.hashSync('secret', 4)}\n`

/** A password file; by default Alice's alone. */
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
  /** All that it wrote to standard error. */
  said(): string
  /** The lines of its log. */
  log(): Record<string, unknown>[]
  /** What it wrote to standard output, as it is. */
  output(): string
  /** As SIGHUP does. */
  reload(): void
}

export interface GateProcess extends Gate {
  readonly process: ChildProcess
  /** Its exit status, when it has ended. */
  readonly ended: Promise<number | null>
}

export interface GateOptions {
  readonly upstream?: string
  /** Default: Alice's. `null`: none, for a gate with other ways to log in. */
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
 * Starts what `htgate` runs in a process, in this one, on a free port, and waits until it listens; it ends with the test.
 * It starts ten times as fast as a process, which signals and memory need: `startGateProcess`. With --workers it is one.
 */
export async function startGate(options: GateOptions): Promise<Gate> {
  const settings = settingsOf(argumentsOf(options), options.env)
  if (settings.workers > 1) return startGateProcess(options)
  const gate = serveHere(settings)
  await gate.started
  return { ...gate, ...addressOf(gate.said()) }
}

/** How `htgate` with these arguments fails to start, in this process: its exit status, and what it says. */
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
  throw new Error(`it started: ${said()}`)
}

function settingsOf(args: readonly string[], env: Record<string, string> = {}): Settings {
  const settings = parse(args, env)
  if ('text' in settings) throw new Error(settings.text)
  return settings
}

/** Serves in this process until the test is over; `started` rejects if it fails before it has started. */
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
  const ended = heard(
    'stderr',
    (text) => (said += text),
    () => serve({ ...settings, drainTimeout: 0 }, stopped, { control, log: new Log(settings.log, fd) }),
  )
  const closed = ended.catch(() => {}).finally(() => closeSync(fd))
  onTestFinished(async () => {
    stop('the test is over')
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

/** Starts `htgate` on a free port and waits until it listens; it ends with the test. */
export async function startGateProcess(options: GateOptions): Promise<GateProcess> {
  const gate = runGate(argumentsOf(options), options.env)
  await until(() => LISTENING.test(gate.said()) || gate.process.exitCode !== null, gate.said)
  return { ...gate, ...addressOf(gate.said()) }
}

/** Runs `htgate` with these arguments; it ends with the test. */
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
  /** Names in lower case, and values, in their order. */
  readonly headers: [string, string][]
  readonly body: string
}

export interface Upstream {
  readonly url: string
  readonly port: number
  /** The requests that came, each when its body was complete. */
  readonly seen: Seen[]
  /** Requests of which at least the head came. */
  heads(): number
  readonly server: ReturnType<typeof createServer>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A server with no login of its own, in the place of MLflow. By default it notes what it sees and answers `ok`. */
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

/** All values of a header that the upstream saw. */
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
  /** Default: a connection of its own. */
  readonly agent?: Agent
}

/** A request, on a connection of its own unless there is an agent. */
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
  /** All that came so far. */
  text(): string
  /** Resolves when the other side has closed. */
  readonly closed: Promise<void>
}

/** A bare connection that sends `text`, byte for byte. */
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

/** The statuses of the responses in what a bare connection received. */
export const statuses = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))

/** Resident memory, in bytes (proc(5)). */
export const memoryOf = (gate: Pick<GateProcess, 'process'>): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${gate.process.pid}/status`, 'latin1'))?.[1]) * 1024

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { environment } from './environment.js'

// Real servers on free ports of 127.0.0.1, which are stopped with all their child processes.

export interface Server {
  readonly port: number
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  readonly process: ChildProcess
  /** Its standard output and standard error so far. */
  output(): string
  /** Stops it (SIGTERM, and SIGKILL after 3 seconds), and waits until it has ended. */
  stop(): Promise<void>
}

export interface ServerOptions {
  readonly port: number
  readonly cwd?: string
  /** Added to this process's environment. */
  readonly env?: Record<string, string>
  /** The user and group that it runs as. */
  readonly uid?: number
  /** How long to wait until it accepts connections, in milliseconds. Default: 60,000. */
  readonly patience?: number
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) signal(child, 'SIGKILL')
})

/**
 * Starts a server and waits until it accepts connections.
 * @throws Error with its output if it ends first, or does not accept connections in time
 */
export async function startServer(
  command: string,
  args: readonly string[],
  { port, cwd, env, uid, patience = 60_000 }: ServerOptions,
): Promise<Server> {
  const child = spawn(command, args, {
    cwd,
    ...(uid === undefined ? {} : { uid, gid: uid }),
    env: { ...environment, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own process group, so that its workers end with it.
    detached: true,
  })
  running.add(child)
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk))
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk))
  // A process that is killed may reset its pipes.
  for (const stream of [child.stdout, child.stderr]) stream?.on('error', () => {})
  let ended: string | undefined
  child.on('error', (error) => (ended = error.message))
  child.on('exit', (status, by) => (ended = `exit ${status ?? by}`))

  const stop = () => end(child)
  const deadline = Date.now() + patience
  while (!(await accepts(port))) {
    if (ended === undefined && Date.now() < deadline) {
      await delay(20)
      continue
    }
    await stop()
    throw new Error(`${command} does not serve port ${port} (${ended ?? 'in time'}):\n${output}`)
  }
  return { port, url: `http://127.0.0.1:${port}`, process: child, output: () => output, stop }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const exited = once(child, 'exit')
    signal(child, 'SIGTERM')
    const killer = setTimeout(() => signal(child, 'SIGKILL'), 3_000)
    await exited
    clearTimeout(killer)
  }
  signal(child, 'SIGKILL')
  running.delete(child)
}

/** Signals the whole process group, if it still exists. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name)
  } catch {}
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('close', () => socket.destroy()).on('connect', () => socket.destroy())
  })
}

/** Ports that `freePort` has returned: some of them have no listener yet. */
const taken = new Set<number>()

/**
 * A port without a listener, below the range of ephemeral ports, so that no outgoing connection can take it in the meantime.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    // Each process that runs tests has its own range.
    const port =
      20_000 + 3_000 * (Number(process.env.VITEST_POOL_ID ?? 0) % 4) + Math.floor(Math.random() * 3_000)
    if (taken.has(port)) continue
    taken.add(port)
    const probe = createServer()
    const free = await new Promise<boolean>((resolve) => {
      probe.on('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!free) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { peer } from './peers.js'

export interface RunOptions {
  /** What the command reads; an empty standard input by default. */
  readonly input?: string | Buffer
  readonly cwd?: string
  /** Added to this process's own. */
  readonly env?: Record<string, string>
  readonly uid?: number
  readonly argv0?: string
}

export interface Result {
  /** The exit status; null where a signal ended the command. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: Buffer
}

/** Runs a command to its end, without a controlling terminal. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const { input = '', env, uid, ...rest } = options
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...rest,
      ...(uid === undefined ? {} : { uid, gid: uid }),
      env: { ...process.env, ...env },
      detached: true,
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.stdin.on('error', () => {}) // A command need not read its input.
    child.stdin.end(input)
    child.on('error', reject)
    child.on('close', (status, signal) =>
      resolve({ status, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) }),
    )
  })
}

/** The launcher of our command. */
export const OUR_HTPASSWD = fileURLToPath(new URL('../../bin/htpasswd.js', import.meta.url))

/** Our command, as it was built last. */
export const htpasswd = (args: readonly string[], options?: RunOptions): Promise<Result> =>
  run(process.execPath, [OUR_HTPASSWD, ...args], options)

/** Apache's, which puts its own argv[0] into its messages. */
export const apacheHtpasswd = (args: readonly string[], options?: RunOptions): Promise<Result> =>
  run(peer('htpasswd') as string, args, { ...options, argv0: 'htpasswd' })

/** Runs our command and kills it (SIGKILL) after `milliseconds`, if it has not ended by then. */
export function killedAfter(milliseconds: number, args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [OUR_HTPASSWD, ...args], { cwd, stdio: 'ignore' })
    const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds)
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

import { isUtf8 } from 'node:buffer'
import { spawn } from 'node:child_process'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { environment } from './environment.js'
import { peer } from './peers.js'

export interface RunOptions {
  /** Standard input. Default: empty. */
  readonly input?: string | Buffer
  readonly cwd?: string
  /** Added to this process's environment. */
  readonly env?: Record<string, string>
  readonly uid?: number
  readonly argv0?: string
}

export interface Result {
  /** The exit status; null if the command was killed by a signal. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: Buffer
}

type Args = readonly (string | Buffer)[]

/** Runs a command to its end, without a controlling terminal. Arguments may be in any encoding. */
export function run(command: string, args: Args, options: RunOptions = {}): Promise<Result> {
  const { input = '', env, uid, ...rest } = options
  return new Promise((resolve, reject) => {
    const child = spawn(...withTextOnly(command, args), {
      ...rest,
      ...(uid === undefined ? {} : { uid, gid: uid }),
      env: { ...environment, ...env },
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

/** Node can only pass UTF-8 as arguments; for other bytes, a shell makes them. */
function withTextOnly(command: string, args: Args): [command: string, args: string[]] {
  if (args.every((arg) => typeof arg === 'string' || isUtf8(arg))) return [command, args.map(String)]
  const names = args.map((_, i) => `"\${a${i}%.}"`)
  const assignments = args.map((arg, i) => `a${i}=$(printf '${octal(Buffer.from(arg))}.')`)
  // Started by its name, which becomes its argv[0].
  const script = `PATH='${dirname(command)}'; ${assignments.join('; ')}; exec ${basename(command)} ${names.join(' ')}`
  return ['/bin/sh', ['-c', script]]
}

const octal = (bytes: Buffer) =>
  Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')

/** The launcher of our command. */
export const OUR_HTPASSWD = fileURLToPath(new URL('../../bin/htpasswd.js', import.meta.url))

/** Runs the last build of our command. */
export const htpasswd = (args: Args, options?: RunOptions): Promise<Result> =>
  run(process.execPath, [OUR_HTPASSWD, ...args], options)

/** Runs Apache's command, whose messages contain argv[0]. */
export const apacheHtpasswd = (args: Args, options?: RunOptions): Promise<Result> =>
  run(peer('htpasswd') as string, args, { ...options, argv0: 'htpasswd' })

/** Runs our command, and kills it (SIGKILL) if it has not ended after `milliseconds`. */
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

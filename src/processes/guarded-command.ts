import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { constants } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { accepts } from '../system/accepts.js'

// `htgate … -- COMMAND`: starts the server to guard, on a loopback port that only this machine can reach.

/** Placeholder for the port in the command's arguments. */
export const PORT_PLACEHOLDER = '{port}'

/** How often to check whether the command responds, and how long it may take to respond, in milliseconds. */
const POLL = 100
const RESPONSE_TIMEOUT = 5_000

/** After SIGINT, how long to wait before SIGTERM, in milliseconds. MLflow waits half a minute for children that get neither. */
const PATIENCE = 3_000

/** How long the command's children may take to exit after it, in milliseconds. */
const LEFTOVERS = 2_000

/** The command's exit status, or 128 plus the signal's number, as in a shell. */
export type CommandStatus = number

export interface CommandOptions {
  /** The program and its arguments; the port replaces `{port}`. */
  readonly command: readonly string[]
  /** How long the command may take to start responding, in milliseconds. */
  readonly startTimeout: number
  /** Called repeatedly while the command starts, with the elapsed milliseconds. */
  readonly onWaiting?: (ms: number) => void
}

/** Why the command did not start to respond to requests. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  constructor(
    readonly reason: 'not-started' | 'exited' | 'silent' | 'stopped',
    message: string,
    /** The command's exit status, if it exited by itself. */
    readonly status: CommandStatus | undefined = undefined,
    /** What to do. */
    readonly hint: string | undefined = undefined,
  ) {
    super(message)
  }
}

export class GuardedCommand {
  /** Resolves when the command has ended. */
  readonly exited: Promise<CommandStatus>
  readonly #child: ChildProcess
  readonly #program: string
  #how = ''
  #status: CommandStatus | undefined
  #failure: Error | undefined
  #stopped = false

  private constructor(
    command: readonly string[],
    /** The port on 127.0.0.1 that the command should listen on. */
    readonly port: number,
  ) {
    const [program = '', ...parts] = command
    const args = parts.map((part) => part.replaceAll(PORT_PLACEHOLDER, String(port)))
    this.#program = program
    // In its own process group, so that Ctrl-C reaches only the gate, which drains before it stops the command, and so that
    // the command's children are stopped with it.
    this.#child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true })
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        if (this.#child.pid !== undefined) return
        this.#failure = error
        this.#status = 127
        resolve(this.#status)
      })
      this.#child.once('exit', (code, signal) => {
        this.#status = code ?? 128 + constants.signals[signal as NodeJS.Signals]
        this.#how = code === null ? `was killed by ${signal}` : `exited with status ${code}`
        resolve(this.#status)
      })
    })
  }

  /**
   * Starts the command on a free port and waits until it responds to an HTTP request there.
   *
   * @throws CommandError if it cannot be started, exits, or does not respond in time; it is then no longer running, nor
   *   are its children
   */
  static async start(
    { command, startTimeout, onWaiting = () => {} }: CommandOptions,
    /** Called as soon as the command is running, so that signals can reach it while it starts. */
    onSpawned: (running: GuardedCommand) => void = () => {},
  ): Promise<GuardedCommand> {
    const running = new GuardedCommand(command, await freePort())
    onSpawned(running)
    try {
      await running.#untilItResponds(startTimeout, onWaiting)
      return running
    } catch (error) {
      await running.#endGroup()
      throw error
    }
  }

  async #untilItResponds(startTimeout: number, onWaiting: (ms: number) => void): Promise<void> {
    const started = performance.now()
    while (!(await this.#responds())) {
      const ms = performance.now() - started
      if (this.#failure !== undefined) throw notStarted(this.#program, this.#failure)
      if (this.#status !== undefined) {
        if (this.#stopped) throw new CommandError('stopped', 'stopped before it responded', this.#status)
        throw new CommandError(
          'exited',
          `${this.#program} ${this.how} before it responded on 127.0.0.1:${this.port}`,
          this.#status,
          this.#status === 0 ? 'it must run in the foreground, not as a daemon' : undefined,
        )
      }
      if (ms > startTimeout) {
        const hint = await hintOn(this.port)
        this.kill()
        await this.exited
        throw new CommandError(
          'silent',
          `${this.#program} did not respond on 127.0.0.1:${this.port} within ${startTimeout / 1000} s`,
          undefined,
          hint,
        )
      }
      onWaiting(ms)
      await this.#pause()
    }
  }

  /** How the command ended: `exited with status 3`, `was killed by SIGKILL`. */
  get how(): string {
    return this.#how
  }

  /** Passes a signal on to the command. SIGTERM also reaches its children, as from systemd. */
  signal(signal: NodeJS.Signals): void {
    if (this.#status !== undefined) return
    if (signal === 'SIGTERM' || signal === 'SIGINT') this.#stopped = true
    if (signal === 'SIGTERM') this.#signalGroup(signal)
    else this.#child.kill(signal)
  }

  /** Kills the command and its children. */
  kill(): void {
    this.#signalGroup('SIGKILL')
  }

  /**
   * Asks the command to exit, and kills it after `timeout` milliseconds. Resolves to its status once its children have exited
   * as well.
   *
   * @param onKill called when the command is killed
   */
  async stop(
    signal: 'SIGTERM' | 'SIGINT',
    timeout: number,
    onKill: () => void = () => {},
  ): Promise<CommandStatus> {
    this.signal(signal)
    const insist = setTimeout(() => this.signal('SIGTERM'), PATIENCE)
    if (signal === 'SIGTERM') clearTimeout(insist)
    const timer = setTimeout(() => {
      onKill()
      this.kill()
    }, timeout)
    const status = await this.exited
    clearTimeout(insist)
    clearTimeout(timer)
    await this.#endGroup()
    return status
  }

  /** Stops the processes that the command has left in its process group. */
  async #endGroup(): Promise<void> {
    const deadline = performance.now() + LEFTOVERS
    while (this.#signalGroup('SIGTERM')) {
      if (performance.now() > deadline) return this.kill()
      await pause(POLL)
    }
  }

  /** Whether there was a process to signal. */
  #signalGroup(signal: NodeJS.Signals): boolean {
    const { pid } = this.#child
    if (pid === undefined) return false
    try {
      return process.kill(-pid, signal)
    } catch {
      return false
    }
  }

  #pause(): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined
    const pause = new Promise((resolve) => {
      timer = setTimeout(resolve, POLL)
    })
    return Promise.race([pause, this.exited]).finally(() => clearTimeout(timer))
  }

  /** Whether the command sends any HTTP response, whatever its status. */
  #responds(): Promise<boolean> {
    if (this.#status !== undefined || this.#failure !== undefined) return Promise.resolve(false)
    return new Promise((resolve) => {
      const request = get({ host: '127.0.0.1', port: this.port, agent: false, timeout: RESPONSE_TIMEOUT })
      request.once('response', (response) => {
        response.destroy()
        resolve(this.#status === undefined)
      })
      request.once('timeout', () => request.destroy())
      request.once('error', () => resolve(false))
      request.once('close', () => resolve(false))
      void this.exited.then(() => request.destroy())
    })
  }
}

function notStarted(program: string, { code, message }: NodeJS.ErrnoException): CommandError {
  if (code === 'ENOENT' && program.includes('/') && existsSync(program)) {
    return new CommandError(
      'not-started',
      `${program}: the interpreter in its first line does not exist`,
      127,
    )
  }
  if (code === 'ENOENT') return new CommandError('not-started', `${program}: command not found`, 127)
  if (code === 'EACCES') return new CommandError('not-started', `${program}: permission denied`, 126)
  return new CommandError('not-started', `cannot start ${program}: ${message}`, 126)
}

/** Why a command that is running may not have responded on `port`. */
export async function hintOn(port: number): Promise<string> {
  if (await accepts({ host: '127.0.0.1', port }, RESPONSE_TIMEOUT))
    return 'it accepts connections there, but does not respond to GET / over plain HTTP'
  if (await accepts({ host: '::1', port }, RESPONSE_TIMEOUT))
    return `it listens on [::1]:${port}; make it listen on 127.0.0.1`
  return `make it listen on 127.0.0.1 and the port that replaces ${PORT_PLACEHOLDER}; --start-timeout gives it more time`
}

/** A free port. The system does not soon assign it again. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

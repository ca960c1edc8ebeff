import { type ChildProcess, spawn } from 'node:child_process'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { constants } from 'node:os'
import { basename } from 'node:path'

// `htgate … -- COMMAND`: starts the server to guard, on a loopback port that only this machine can reach.

/** Placeholder for the port in the command's arguments. */
export const PORT_PLACEHOLDER = '{port}'

/** How often to check whether the command responds, and how long it may take to respond, in milliseconds. */
const POLL = 100
const ANSWER = 5_000

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
  ) {
    super(message)
  }
}

export class GuardedCommand {
  /** Resolves when the command has ended. */
  readonly exited: Promise<CommandStatus>
  readonly #child: ChildProcess
  readonly #program: string
  #status: CommandStatus | undefined
  #failure: Error | undefined
  #stopped = false

  private constructor(
    command: readonly string[],
    /** The port on 127.0.0.1 that the command should listen on. */
    readonly port: number,
  ) {
    const [program = '', ...args] = command.map((part) => part.replaceAll(PORT_PLACEHOLDER, String(port)))
    this.#program = basename(program)
    // In its own process group, so that Ctrl-C reaches only the gate, which drains before it stops the command, and so that
    // the command's children can be killed with it.
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
        this.#signalGroup('SIGTERM')
        resolve(this.#status)
      })
    })
  }

  /**
   * Starts the command on a free port and waits until it responds to an HTTP request there.
   *
   * @throws CommandError if it cannot be started, exits, or does not respond in time; it is then no longer running
   */
  static async start(
    { command, startTimeout, onWaiting = () => {} }: CommandOptions,
    /** Called as soon as the command is running, so that signals can reach it while it starts. */
    onSpawned: (running: GuardedCommand) => void = () => {},
  ): Promise<GuardedCommand> {
    const running = new GuardedCommand(command, await freePort())
    onSpawned(running)
    const started = performance.now()
    while (!(await running.#answers())) {
      const ms = performance.now() - started
      if (running.#failure !== undefined) throw notStarted(running.#program, running.#failure)
      if (running.#status !== undefined) {
        if (running.#stopped)
          throw new CommandError('stopped', 'stopped before it responded', running.#status)
        throw new CommandError(
          'exited',
          `${running.#program} exited with status ${running.#status} before it responded on 127.0.0.1:${running.port}`,
          running.#status,
        )
      }
      if (ms > startTimeout) {
        running.kill()
        await running.exited
        throw new CommandError(
          'silent',
          `${running.#program} did not respond on 127.0.0.1:${running.port} within ${startTimeout / 1000} s`,
        )
      }
      onWaiting(ms)
      await running.#pause()
    }
    return running
  }

  /** Passes a signal on to the command. */
  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGTERM' || signal === 'SIGINT') this.#stopped = true
    if (this.#status === undefined) this.#child.kill(signal)
  }

  /** Kills the command and its children. */
  kill(): void {
    this.#signalGroup('SIGKILL')
  }

  /** Asks the command to exit, and kills it after `timeout` milliseconds. Resolves to its status. */
  async stop(signal: NodeJS.Signals, timeout: number): Promise<CommandStatus> {
    this.signal(signal)
    const timer = setTimeout(() => this.kill(), timeout)
    const status = await this.exited
    clearTimeout(timer)
    return status
  }

  #signalGroup(signal: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, signal)
    } catch {
      // The group is gone already.
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
  #answers(): Promise<boolean> {
    if (this.#status !== undefined || this.#failure !== undefined) return Promise.resolve(false)
    return new Promise((resolve) => {
      const request = get({ host: '127.0.0.1', port: this.port, agent: false, timeout: ANSWER })
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
  if (code === 'ENOENT') return new CommandError('not-started', `${program}: command not found`, 127)
  if (code === 'EACCES') return new CommandError('not-started', `${program}: permission denied`, 126)
  return new CommandError('not-started', `cannot start ${program}: ${message}`, 126)
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

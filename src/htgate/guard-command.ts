import { basename } from 'node:path'
import { type CommandError, GuardedCommand } from '../processes/guarded-command.js'
import { COMMAND_PORT } from '../processes/messages.js'
import type { UpstreamUrl } from '../upstream/upstream.js'
import type { ExitStatus } from './exit-status.js'
import { errors, notices, say } from './messages.js'
import type { Settings } from './options/index.js'
import { Waiting } from './waiting.js'

export const upstreamAt = (port: number, command: readonly string[]): UpstreamUrl => ({
  text: nameOf(command),
  origin: `http://127.0.0.1:${port}`,
  prefix: '',
  socketPath: undefined,
})

/** In a worker: the settings with the command's port, which the supervisor passes on in the environment. */
export function withCommandPort(settings: Settings): Settings {
  const port = process.env[COMMAND_PORT]
  if (settings.command === undefined || port === undefined) return settings
  return { ...settings, upstream: upstreamAt(Number(port), settings.command) }
}

/** Signals that htgate passes on to the command and otherwise ignores. */
const PASSED_ON = ['SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const

/**
 * Starts the command after `--`, calls `run` once it responds, and stops it when `run` has ended.
 *
 * @returns the command's exit status
 * @throws Exit if the command does not start; whatever `run` throws
 */
export async function guardCommand(
  settings: Settings,
  run: (settings: Settings, stop: Promise<string>) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const command = settings.command as readonly string[]
  const program = nameOf(command)
  let running: GuardedCommand | undefined
  let isServing = false
  let stopSignal: NodeJS.Signals | undefined
  for (const signal of PASSED_ON) process.on(signal, () => running?.signal(signal))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // On the first signal, requests in progress finish before the command gets it. The second kills the command.
      if (stopSignal !== undefined) running?.kill()
      else if (!isServing) running?.signal(signal)
      stopSignal ??= signal
    })
  }

  const waiting = new Waiting(process.stderr, (seconds) => notices.waiting(program, seconds))
  const started = await GuardedCommand.start(
    { command, startTimeout: settings.startTimeout, onWaiting: (ms) => waiting.show(ms) },
    (spawned) => {
      running = spawned
    },
  )
    .catch((error: CommandError) => {
      if (error.reason === 'stopped') return error.status as number
      throw errors.command(error.status ?? 1, error.message)
    })
    .finally(() => waiting.clear())
  if (typeof started === 'number') return started
  say(notices.started(program, started.port))

  const exited = started.exited.then((status) => notices.commandExited(program, status))
  try {
    isServing = true
    process.env[COMMAND_PORT] = String(started.port)
    const status = await run({ ...settings, upstream: upstreamAt(started.port, command) }, exited)
    if (status !== 0) return status
  } finally {
    await started.stop(stopSignal ?? 'SIGTERM', settings.drainTimeout)
  }
  return await started.exited
}

const nameOf = ([program = '']: readonly string[]): string => basename(program)

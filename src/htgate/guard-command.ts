import { closeSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { fileError } from '../errors.js'
import { CommandError, GuardedCommand } from '../processes/guarded-command.js'
import { COMMAND_PORT } from '../processes/messages.js'
import { errorIfInUse } from '../system/listen.js'
import type { UpstreamUrl } from '../upstream/upstream.js'
import { readCertificate } from './certificates.js'
import type { ExitStatus } from './exit-status.js'
import { addressesOf } from './listening.js'
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

/** How long the command may take to exit before a terminal shows it, in milliseconds. */
const SOON = 1_000

/**
 * Starts the command after `--`, calls `run` once it responds, and stops it when `run` has ended.
 *
 * @returns the command's exit status
 * @throws Exit if htgate cannot serve, if possible before the command starts, or if the command does not start; whatever `run`
 *   throws
 */
export async function guardCommand(
  settings: Settings,
  run: (settings: Settings, stop: Promise<string>) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const command = settings.command as readonly string[]
  const program = nameOf(command)
  const { startTimeout, drainTimeout } = settings
  let running: GuardedCommand | undefined
  let isServing = false
  let stopSignal: 'SIGTERM' | 'SIGINT' | undefined
  const stop = async (spawned: GuardedCommand): Promise<ExitStatus> => {
    const slow = setTimeout(() => {
      if (process.stderr.isTTY) say(notices.stoppingCommand(program))
    }, SOON)
    const onKill = () => say(notices.killingCommand(program, drainTimeout / 1000))
    const status = await spawned.stop(stopSignal ?? 'SIGTERM', drainTimeout, onKill)
    clearTimeout(slow)
    return status
  }
  for (const signal of PASSED_ON) process.on(signal, () => running?.signal(signal))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // On the first signal, requests in progress finish before the command gets it. The second kills the command.
      if (stopSignal !== undefined) return running?.kill()
      stopSignal = signal
      if (!isServing && running !== undefined) void stop(running)
    })
  }

  await checkFirst(settings)
  const waiting = new Waiting(process.stderr, (seconds) => say(notices.waiting(program, seconds)))
  const started = await GuardedCommand.start(
    { command, startTimeout, onWaiting: (ms) => waiting.update(ms) },
    (spawned) => {
      running = spawned
      if (stopSignal !== undefined) void stop(spawned)
    },
  ).catch((error) => {
    if (!(error instanceof CommandError)) throw error
    if (error.reason === 'stopped') return error.status as number
    throw errors.command(error.status ?? 1, error.message, error.hint)
  })
  if (typeof started === 'number') return started
  say(notices.started(program, started.port))

  const exited = started.exited.then(() => notices.commandExited(program, started.how))
  let own: ExitStatus
  let status: ExitStatus
  try {
    isServing = true
    process.env[COMMAND_PORT] = String(started.port)
    own = await run({ ...settings, upstream: upstreamAt(started.port, command) }, exited)
  } finally {
    status = await stop(started)
  }
  return own === 0 ? status : own
}

/**
 * Finds common reasons why htgate cannot serve before it starts a command, which may take long or upgrade its database.
 * @throws Exit
 */
async function checkFirst(settings: Settings): Promise<void> {
  const { file, admin } = settings
  readCertificate(settings)
  if (file !== undefined) tryToRead(file)
  for (const address of [...addressesOf(settings), ...(admin === undefined ? [] : [admin])]) {
    const error = await errorIfInUse(address)
    if (error !== undefined) throw errors.cannotListen(error)
  }
}

function tryToRead(file: string): void {
  try {
    const fd = openSync(file, 'r')
    try {
      readSync(fd, Buffer.alloc(1))
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw errors.passwordFile(file, fileError(file, 'read', error as Error))
  }
}

const nameOf = ([program = '']: readonly string[]): string => basename(program)

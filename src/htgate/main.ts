import cluster from 'node:cluster'
import { parse, unknownVariables, variablesMeant } from './command-line.js'
import { Exit, ExitStatus } from './exit-status.js'
import { guardCommand, withCommandPort } from './guard-command.js'
import { errors, notices, print, say } from './messages.js'
import type { Settings } from './options/index.js'
import { serve } from './serve.js'
import { supervise } from './supervise.js'

const never = new Promise<string>(() => {})

async function run(settings: Settings, stop = never): Promise<ExitStatus> {
  if (settings.workers > 1 && cluster.isPrimary) return await supervise(settings, stop)
  await serve(settings, stop)
  return ExitStatus.ok
}

/**
 * Runs a command line, and resolves to the exit status. Never rejects.
 * @param env default: the process's own
 */
export async function main(args: readonly string[], env = process.env): Promise<ExitStatus> {
  try {
    if (args[0] === 'token') {
      const { token } = await import('./token-command.js')
      return await token(args.slice(1), env)
    }
    const settings = parse(args, env)
    if ('text' in settings) {
      await print(settings.text)
      return ExitStatus.ok
    }
    const unknown = unknownVariables(env)
    if (cluster.isPrimary && unknown.length > 0)
      say(notices.unknownVariables(unknown, variablesMeant(unknown)))
    if (settings.check) {
      const { check } = await import('./check/index.js')
      return await check(settings, settings.check.user)
    }
    if (settings.command !== undefined && cluster.isPrimary) return await guardCommand(settings, run)
    return await run(withCommandPort(settings))
  } catch (error) {
    const exit = error instanceof Exit ? error : errors.unexpected(error)
    say(exit.message)
    return exit.status
  }
}

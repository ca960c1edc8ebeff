import { detailOf } from '../system/debug.js'
import { checkAccess } from './access.js'
import { hideArguments } from './arguments.js'
import { deleteRecord, setRecord } from './edit.js'
import { ExitStatus, isExit } from './exit-status.js'
import { makeRecord } from './hash.js'
import { errors } from './messages.js'
import { type Invocation, LETTERS, parse } from './options.js'
import { print, stderr } from './output.js'
import { split } from './posix.js'
import { verifyRecord } from './verify.js'

/** Runs a command line, and resolves to the exit status. Never rejects. */
export async function main(args: string[]): Promise<ExitStatus> {
  try {
    return await run(args)
  } catch (error) {
    const exit = isExit(error) ? error : errors.unexpected(detailOf(error))
    stderr(exit.output)
    return exit.status
  }
}

async function run(args: string[]): Promise<ExitStatus> {
  const words = split(args, LETTERS)
  // Long options are an extension; their code is loaded only if needed.
  if (words.long) return (await import('./long-commands.js')).run(args)

  const invocation = parse(words)
  if (invocation.source === 'argument') hideArguments()
  await carryOut(invocation)
  return ExitStatus.ok
}

async function carryOut(invocation: Invocation): Promise<void> {
  if (invocation.mode === 'print') {
    return print(Buffer.concat([await makeRecord(invocation), Buffer.from('\n')]))
  }
  checkAccess(invocation)
  if (invocation.mode === 'verify') return verifyRecord(invocation)
  if (invocation.mode === 'delete') return deleteRecord(invocation)
  await setRecord(invocation, await makeRecord(invocation))
}

import { checkAccess } from './access.js'
import { hideArguments } from './arguments.js'
import { deleteRecord, setRecord } from './edit.js'
import { Exit, ExitStatus } from './exit-status.js'
import { makeRecord } from './hash.js'
import { helpText } from './help.js'
import { errors } from './messages.js'
import { type Invocation, parse } from './options.js'
import { stderr, stdout } from './output.js'
import { verifyRecord } from './verify.js'

/** Carries out a command line; never throws. */
export async function main(args: string[]): Promise<ExitStatus> {
  try {
    await run(args)
    return ExitStatus.ok
  } catch (error) {
    const exit = error instanceof Exit ? error : errors.unexpected((error as Error).message)
    stderr(exit.output)
    return exit.status
  }
}

async function run(args: string[]): Promise<void> {
  const request = parse(args)
  if (typeof request === 'string') return print(helpText(request))

  if (request.source === 'argument') hideArguments()
  if (request.mode === 'print') return print(Buffer.concat([await makeRecord(request), Buffer.from('\n')]))

  checkAccess(request)
  await carryOut(request)
}

async function carryOut(invocation: Invocation): Promise<void> {
  if (invocation.mode === 'verify') return verifyRecord(invocation)
  if (invocation.mode === 'delete') return deleteRecord(invocation)
  await setRecord(invocation, await makeRecord(invocation))
}

function print(text: string | Buffer): void {
  try {
    stdout(text)
  } catch (error) {
    throw errors.cannotPrint((error as Error).message)
  }
}

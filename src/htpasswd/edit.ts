import { append, find, replace } from '../passwd-file/records.js'
import { type Edit, update } from '../passwd-file/store/update.js'
import { PartlyWrittenError } from '../passwd-file/store/write.js'
import { reason } from '../system/errno.js'
import { Exit, isExit } from './exit-status.js'
import { errors, progress } from './messages.js'
import type { Invocation } from './options.js'
import { stderr } from './output.js'

/** Adds the record, or replaces all of the user's records with it. */
export async function setRecord({ file, user, mode }: Invocation, record: Buffer): Promise<void> {
  const updated = await updateFile(file, mode === 'create', (content) => {
    const { lines, malformed } = find(content, user)
    if (malformed) throw notAPasswordFile(file, progress.updating.repeat(lines.length))
    const pieces = lines.length === 0 ? append(content, record) : replace(content, lines, record)
    return { pieces, done: lines.length }
  })
  report(updated === 0 ? progress.adding : progress.updating.repeat(updated), progress.passwordFor(user))
}

/** Deletes all of the user's records. A user without records is not an error. */
export async function deleteRecord({ file, user }: Invocation): Promise<void> {
  const deleted = await updateFile(file, false, (content) => {
    const { lines, malformed } = find(content, user)
    if (malformed) throw notAPasswordFile(file, progress.deleting.repeat(lines.length))
    return { pieces: lines.length === 0 ? undefined : replace(content, lines), done: lines.length }
  })
  if (deleted === 0) stderr(progress.notFound(user))
  else report(progress.deleting.repeat(deleted), progress.passwordFor(user))
}

function report(done: string, passwordFor: Buffer): void {
  stderr(Buffer.concat([Buffer.from(done), passwordFor]))
}

/** Apache's has already printed what it is doing by the time it meets a malformed line. */
function notAPasswordFile(file: string, begun: string): Exit {
  const { status, output } = errors.notAPasswordFile(file)
  return new Exit(status, `${begun}${output}`)
}

/**
 * Edits the file through the store, and turns the store's errors into the command's.
 * @returns what `edit` reported as done, once it is on disk
 */
export async function updateFile<Done>(file: string, create: boolean, edit: Edit<Done>): Promise<Done> {
  try {
    return await update(file, edit, { create, alone: true })
  } catch (error) {
    if (isExit(error)) throw error
    const why = reason(error as Error)
    throw error instanceof PartlyWrittenError
      ? errors.partlyWritten(file, why)
      : errors.cannotUpdate(file, why)
  }
}

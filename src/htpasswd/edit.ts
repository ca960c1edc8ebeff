import { append, find, replace } from '../passwd-file/records.js'
import { PartlyWrittenError } from '../passwd-file/store/replace.js'
import { update } from '../passwd-file/store/update.js'
import { reason } from '../system/errno.js'
import { isExit } from './exit-status.js'
import { errors, progress } from './messages.js'
import type { Invocation } from './options.js'
import { stderr } from './output.js'

/** Adds the record, or puts it in the place of every record that the user has. */
export function setRecord({ file, user, mode }: Invocation, record: Buffer): Promise<void> {
  return updateFile(file, mode === 'create', (content) => {
    const { lines, malformed } = find(content, user)
    for (const _ of lines) stderr(progress.updating)
    if (malformed) throw errors.notAPasswordFile(file)
    if (lines.length === 0) stderr(progress.adding)
    stderr(progress.passwordFor(user))
    return lines.length === 0 ? append(content, record) : replace(content, lines, record)
  })
}

/** Takes away every record that the user has; a user without any is no error. */
export function deleteRecord({ file, user }: Invocation): Promise<void> {
  return updateFile(file, false, (content) => {
    const { lines, malformed } = find(content, user)
    for (const _ of lines) stderr(progress.deleting)
    if (malformed) throw errors.notAPasswordFile(file)
    if (lines.length === 0) {
      stderr(progress.notFound(user))
      return undefined
    }
    stderr(progress.passwordFor(user))
    return replace(content, lines)
  })
}

/** An edit of the store's, whose errors are the command's. */
export async function updateFile(
  file: string,
  create: boolean,
  change: Parameters<typeof update>[1],
): Promise<void> {
  try {
    await update(file, change, { create })
  } catch (error) {
    if (isExit(error)) throw error
    const why = reason(error as Error)
    throw error instanceof PartlyWrittenError
      ? errors.partlyWritten(file, why)
      : errors.cannotUpdate(file, why)
  }
}

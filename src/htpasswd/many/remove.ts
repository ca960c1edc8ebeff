import { edit } from '../../passwd-file/edits.js'
import { checkAccess } from '../access.js'
import { updateFile } from '../edit.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { errors } from '../messages.js'
import { stderr } from '../output.js'
import { fileName } from '../read.js'
import { readInput, users } from './lines.js'
import { complaints, notFound, summaries } from './messages.js'

/** Deletes the users in the input in one write, and reports those that do not exist. */
export async function removeUsers({ file, input, strict }: LongRequest): Promise<ExitStatus> {
  checkAccess({ file, mode: 'delete' })
  const { found, problems } = users(readInput(input))
  if (problems.length > 0) throw complaints.badLines(fileName(input), problems)

  const absent = await updateFile(file, false, (content) => {
    const { pieces, absent, malformed } = edit(content, new Map(found.map((user) => [user, undefined])))
    if (malformed) throw errors.notAPasswordFile(file)
    if (strict && absent.length > 0) throw complaints.usersMissing(absent)
    return { pieces: absent.length === found.length ? undefined : pieces, done: absent }
  })
  stderr(Buffer.concat([notFound(absent), Buffer.from(summaries.removed(found.length - absent.length))]))
  return Status.ok
}

import { eachLine } from '../../passwd-file/records.js'
import { repair } from '../../passwd-file/repair.js'
import { checkAccess } from '../access.js'
import { updateFile } from '../edit.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { complaints, summaries } from '../many/messages.js'
import { stderr } from '../output.js'

// The fixes suggested by --audit that need no new password. They lose nothing, and lines keep their numbers.

/** Rewrites the file in a form that every server reads alike. */
export async function repairFile({ file }: LongRequest): Promise<ExitStatus> {
  checkAccess({ file, mode: 'update' })
  const isChanged = await updateFile(file, false, (content) => {
    const repaired = repair(content)
    const done = !repaired.equals(content)
    return { pieces: done ? [repaired] : undefined, done }
  })
  stderr(isChanged ? summaries.repaired : summaries.nothingToRepair)
  return Status.ok
}

/** Comments out lines. Lines that no server reads are left unchanged. */
export async function disableLines({ file, lines }: LongRequest): Promise<ExitStatus> {
  checkAccess({ file, mode: 'update' })
  const wanted = new Set(lines)
  const count = await updateFile(file, false, (content) => {
    const last = lastLine(content)
    const missing = lines.find((line) => line > last)
    if (missing !== undefined) throw complaints.noSuchLine(file, missing, last)
    const pieces: Buffer[] = []
    let position = 0
    let done = 0
    eachLine(content, ({ start, number }) => {
      if (!wanted.has(number)) return true
      pieces.push(content.subarray(position, start), Buffer.from('#'))
      position = start
      done++
      return true
    })
    return { pieces: done > 0 ? [...pieces, content.subarray(position)] : undefined, done }
  })
  stderr(summaries.disabled(count))
  return Status.ok
}

function lastLine(content: Buffer): number {
  let count = 0
  for (let at = content.indexOf(0x0a); at !== -1; at = content.indexOf(0x0a, at + 1)) count++
  return content.length === 0 || content.at(-1) === 0x0a ? count : count + 1
}

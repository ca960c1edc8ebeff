import { append, eachLine, type Malformed, type Pieces, userOf } from './records.js'

/** The only record to keep for each user, one character per byte; undefined deletes the user. */
export type Edits = ReadonlyMap<string, Buffer | undefined>

export interface Edited {
  readonly pieces: Pieces
  /** Users who had no record before. */
  readonly absent: readonly string[]
  /** The first malformed line, which is kept. */
  readonly malformed?: Malformed
}

/** Makes all edits in one pass. New users' records go to the end, in the order of the edits. */
export function edit(bytes: Buffer, edits: Edits): Edited {
  const absent = new Set(edits.keys())
  const pieces: Pieces = []
  let position = 0
  let malformed: Malformed | undefined
  eachLine(bytes, (line) => {
    if ('malformed' in line) {
      malformed ??= line
      return true
    }
    const user = userOf(bytes, line)
    if (!edits.has(user)) return true
    const record = edits.get(user)
    pieces.push(bytes.subarray(position, line.start), ...(record ? [record] : []))
    position = line.end
    absent.delete(user)
    return true
  })

  const rest = bytes.subarray(position)
  const added = [...absent].flatMap((user) => edits.get(user) ?? [])
  pieces.push(...(added.length > 0 ? append(rest, Buffer.concat(added)) : [rest]))
  // Pieces are written one by one, so join them first if there may be a million.
  const edited = { pieces: [Buffer.concat(pieces)], absent: [...absent] }
  return malformed ? { ...edited, malformed } : edited
}

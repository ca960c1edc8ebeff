import { append, eachLine, type Malformed, type Pieces, userOf } from './records.js'

/** For a user, one character a byte, the record that is to be the only one; undefined to have none. */
export type Edits = ReadonlyMap<string, Buffer | undefined>

export interface Edited {
  readonly pieces: Pieces
  /** Users of the edits that had no record before. */
  readonly absent: readonly string[]
  /** The first line that is no record; it stays as all others do. */
  readonly malformed?: Malformed
}

/** `bytes` with all of the edits made in one pass. New users' records go to the end, in the order of the edits. */
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
  // Pieces are written one by one, so a million of them are put together first.
  const edited = { pieces: [Buffer.concat(pieces)], absent: [...absent] }
  return malformed ? { ...edited, malformed } : edited
}

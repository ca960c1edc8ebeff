import { eachLine, encodedOf, type Malformed, type Pieces, type RecordLine } from './records.js'

/** What is to become of users, by their names one character a byte: a new record, or none. */
export type Changes = ReadonlyMap<string, Buffer | undefined>

export interface Merged {
  readonly pieces: Pieces
  /** Users of `changes` that had no record before. */
  readonly absent: readonly string[]
  /** The first line that is no record; nothing was merged then. */
  readonly malformed?: Malformed
}

/**
 * Makes many changes in one pass. All records of a user are replaced, or go; users without any are added at the end,
 * in the order of `changes`, where a record is given for them. Every other byte stays.
 */
export function merge(bytes: Buffer, changes: Changes): Merged {
  const present = new Set<string>()
  const pieces: Pieces = []
  let position = 0
  let malformed: Malformed | undefined

  eachLine(bytes, (line) => {
    if ('malformed' in line) {
      malformed = line
      return false
    }
    const user = userOf(bytes, line)
    if (changes.has(user)) {
      present.add(user)
      pieces.push(bytes.subarray(position, line.start))
      const record = changes.get(user)
      if (record) pieces.push(record)
      position = line.end
    }
    return true
  })
  if (malformed) return { pieces: [], absent: [], malformed }

  pieces.push(bytes.subarray(position))
  const absent = [...changes.keys()].filter((user) => !present.has(user))
  const added = absent.flatMap((user) => changes.get(user) ?? [])
  if (added.length > 0 && bytes.length > position && bytes.at(-1) !== 0x0a) pieces.push(Buffer.from('\n'))
  // Pieces are written one by one, so a million of them are put together first.
  return { pieces: [Buffer.concat([...pieces, ...added])], absent }
}

/** The user of a record, one character a byte. */
export function userOf(bytes: Buffer, line: RecordLine): string {
  return bytes.toString('latin1', line.userStart, line.colon)
}

/** A record as people speak of it. */
export interface Entry {
  readonly number: number
  readonly user: string
  readonly encoded: string
}

/** All records, and the lines that are none. Names and hashes have one character a byte. */
export function entries(bytes: Buffer): { entries: Entry[]; malformed: Malformed[] } {
  const found: Entry[] = []
  const malformed: Malformed[] = []
  eachLine(bytes, (line) => {
    if ('malformed' in line) malformed.push(line)
    else found.push({ number: line.number, user: userOf(bytes, line), encoded: encodedOf(bytes, line) })
    return true
  })
  return { entries: found, malformed }
}

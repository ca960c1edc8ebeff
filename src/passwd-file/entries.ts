import { eachLine, encodedOf, type Malformed, userOf } from './records.js'

/** A parsed record. Name and hash have one character per byte. */
export interface Entry {
  readonly number: number
  readonly user: string
  readonly encoded: string
}

/** All records and malformed lines. */
export function entriesOf(bytes: Buffer): { entries: Entry[]; malformed: Malformed[] } {
  const entries: Entry[] = []
  const malformed: Malformed[] = []
  eachLine(bytes, (line) => {
    if ('malformed' in line) malformed.push(line)
    else entries.push({ number: line.number, user: userOf(bytes, line), encoded: encodedOf(bytes, line) })
    return true
  })
  return { entries, malformed }
}

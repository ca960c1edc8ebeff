import { weaknessOf } from '../../../passwd-file/audit.js'
import { eachLine, encodedOf, isRecordOf, type RecordLine } from '../../../passwd-file/records.js'
import { update } from '../../../passwd-file/store/update.js'
import { type Algorithm, accepts, hashWith, truncates } from '../../../schemes/algorithm.js'
import { schemeNamed } from '../../../schemes/index.js'

// Rehashing needs the password, which is known only during a successful login. A weak record is replaced then, under the
// same lock as every other edit.

/** Whether the record can and should be replaced with a stronger one. */
export function wantsRehash(password: Uint8Array, encoded: string, wanted: Algorithm): boolean {
  const scheme = schemeNamed(wanted.scheme)
  // bcrypt accepts only text, and ignores the end of long passwords, unlike the old hash.
  if (truncates(scheme, password) || !accepts(scheme, password)) return false
  const weakness = weaknessOf(encoded, wanted)
  return weakness?.rule === 'weak-scheme' || weakness?.rule === 'low-cost'
}

export interface Rehash {
  readonly file: string
  readonly user: Uint8Array
  readonly password: Uint8Array
  /** The stored hash that the password was verified against. */
  readonly encoded: string
  readonly wanted: Algorithm
}

/**
 * Replaces the user's hash in the file, unless it has been changed meanwhile. Keeps the rest of the line.
 * @returns the new hash; undefined if the old one was no longer in the file
 */
export async function rehash({ file, user, password, encoded, wanted }: Rehash): Promise<string | undefined> {
  const fresh = await hashWith(wanted, password)
  return update(file, (content) => {
    const line = firstRecordOf(content, Buffer.from(user))
    if (line === undefined || encodedOf(content, line) !== encoded) return { done: undefined }
    const start = line.colon + 1
    const rest = content.subarray(start + encoded.length)
    return { pieces: [content.subarray(0, start), Buffer.from(fresh), rest], done: fresh }
  })
}

/** The user's first record, which is the one that servers use. */
function firstRecordOf(content: Buffer, user: Buffer): RecordLine | undefined {
  let found: RecordLine | undefined
  eachLine(content, (line) => {
    if (!('malformed' in line) && isRecordOf(content, line, user)) found = line
    return found === undefined
  })
  return found
}

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

/** The stronger hash that the file has now. */
export interface Stronger {
  readonly encoded: string
  /** Whether it was written just now. Otherwise, another process has rehashed the same password. */
  readonly isNew: boolean
}

/**
 * Replaces the user's hash in the file, unless it has been changed meanwhile. Keeps the rest of the line.
 * @returns undefined if the hash was changed to one of another password or work factor, or deleted
 */
export async function rehash(question: Rehash): Promise<Stronger | undefined> {
  const { file, user, password, encoded, wanted } = question
  const fresh = await hashWith(wanted, password)
  const found = await update<Stronger | undefined>(file, (content) => {
    const line = firstRecordOf(content, Buffer.from(user))
    if (line === undefined) return { done: undefined }
    const current = encodedOf(content, line)
    if (current !== encoded) return { done: { encoded: current, isNew: false } }
    const start = line.colon + 1
    const rest = content.subarray(start + encoded.length)
    const pieces = [content.subarray(0, start), Buffer.from(fresh), rest]
    return { pieces, done: { encoded: fresh, isNew: true } }
  })
  if (found === undefined || found.isNew) return found
  // Verifying takes no longer than hashing did: a hash of another cost is not looked at.
  const { claims, workOf, verify } = schemeNamed(wanted.scheme)
  const isAlike = claims(found.encoded) && workOf?.(found.encoded) === workOf?.(fresh)
  return isAlike && (await verify(password, found.encoded)) ? found : undefined
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

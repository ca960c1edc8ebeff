import { isUtf8 } from 'node:buffer'
import { type Minimum, weaknessOf } from '../passwd-file/audit.js'
import { eachLine, encodedOf, isRecordOf, type RecordLine } from '../passwd-file/records.js'
import { update } from '../passwd-file/store/update.js'
import { MAX_PASSWORD_BYTES as BCRYPT_BYTES } from '../schemes/bcrypt.js'
import { schemeNamed } from '../schemes/index.js'

// Nobody can hash a password anew without knowing it; but at a successful login it is known. A record that is weaker
// than asked for is replaced then, through the same locked store as every other edit.

/** Whether the record may and should be replaced by a stronger one. */
export function wantsRehash(password: Uint8Array, encoded: string, wanted: Minimum): boolean {
  // bcrypt would cut a longer password, which the old hash does not, and takes text only.
  if (wanted.scheme === 'bcrypt' && (password.length > BCRYPT_BYTES || !isUtf8(password))) return false
  const weakness = weaknessOf(encoded, wanted)
  return weakness?.rule === 'weak-scheme' || weakness?.rule === 'low-cost'
}

export interface Rehash {
  readonly file: string
  readonly user: Uint8Array
  readonly password: Uint8Array
  /** The stored hash that the password was verified against. */
  readonly encoded: string
  readonly wanted: Minimum
}

/**
 * Replaces the user's hash in the file, unless somebody else has changed it meanwhile. The rest of the line stays.
 * @returns the new hash; undefined if the old one was no longer there
 */
export async function rehash({ file, user, password, encoded, wanted }: Rehash): Promise<string | undefined> {
  const { scheme, work } = wanted
  const options = work === undefined ? {} : { cost: work, rounds: work }
  const fresh = (await schemeNamed(scheme).hash?.(password, options)) as string
  let replaced = false
  await update(file, (content) => {
    const line = firstRecordOf(content, Buffer.from(user))
    if (line === undefined || encodedOf(content, line) !== encoded) return undefined
    replaced = true
    const start = line.colon + 1
    return [content.subarray(0, start), Buffer.from(fresh), content.subarray(start + encoded.length)]
  })
  return replaced ? fresh : undefined
}

/** The one that counts, as everywhere. */
function firstRecordOf(content: Buffer, user: Buffer): RecordLine | undefined {
  let found: RecordLine | undefined
  eachLine(content, (line) => {
    if (!('malformed' in line) && isRecordOf(content, line, user)) found = line
    return found === undefined
  })
  return found
}

import { isUtf8 } from 'node:buffer'
import { edit } from '../../passwd-file/edits.js'
import { MAX_RECORD_BYTES } from '../../passwd-file/records.js'
import { MAX_PASSWORD_BYTES as BCRYPT_BYTES } from '../../schemes/bcrypt.js'
import { MAX_PASSWORD_BYTES as DES_BYTES } from '../../schemes/des-crypt.js'
import { schemeOf } from '../../schemes/index.js'
import { checkAccess } from '../access.js'
import type { Algorithm } from '../algorithm.js'
import { updateFile } from '../edit.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import { warnOfUselessWork } from '../hash.js'
import type { LongRequest } from '../long-options.js'
import { errors } from '../messages.js'
import { stderr } from '../output.js'
import { onAllCores } from './all-cores.js'
import { type Credential, credentials, inputName, passwordProblem, readInput } from './lines.js'
import { complaints, type Problem, reasons, summaries } from './messages.js'

/** Adds or updates the users of the input, all of them at once or none. */
export async function importUsers(request: LongRequest): Promise<ExitStatus> {
  const { file, input, create, algorithm, encrypted } = request
  checkAccess({ file, mode: create ? 'create' : 'update' })

  const check = encrypted ? hashProblem : (secret: Buffer) => secretProblem(secret, algorithm)
  const { found, problems } = credentials(readInput(input), check)
  if (problems.length > 0) throw complaints.badLines(inputName(input), problems)

  const encodedOf = encrypted
    ? found.map(({ secret }) => secret.toString('latin1'))
    : await hashAll(found, algorithm)
  const records = makeRecords(found, encodedOf)
  if (!(records instanceof Map)) throw complaints.badLines(inputName(input), records)

  await updateFile(file, create, (content) => {
    const { pieces, absent, malformed } = edit(content, records)
    if (malformed) throw errors.notAPasswordFile(file)
    stderr(summaries.imported(absent.length, records.size - absent.length))
    return pieces
  })
  return Status.ok
}

function secretProblem(secret: Buffer, { scheme }: Algorithm): string | undefined {
  const problem = passwordProblem(secret)
  if (problem === undefined && scheme === 'bcrypt' && !isUtf8(secret)) return reasons.notUtf8
  return problem
}

function hashProblem(secret: Buffer): string | undefined {
  const encoded = secret.toString('latin1')
  return schemeOf(encoded)?.wellFormed(encoded) ? undefined : reasons.notAHash
}

async function hashAll(found: readonly Credential[], { scheme, work }: Algorithm): Promise<string[]> {
  warnOfUselessWork({ scheme, work })
  if (scheme === 'bcrypt') warnOfTruncation(found, BCRYPT_BYTES, 'BCRYPT')
  if (scheme === 'des-crypt') warnOfTruncation(found, DES_BYTES, 'CRYPT')
  const options = work === undefined ? {} : { cost: work, rounds: work }
  return onAllCores({ task: 'hash', scheme, options, items: found.map(({ secret }) => secret) })
}

function warnOfTruncation(found: readonly Credential[], most: number, algorithm: string): void {
  const count = found.filter(({ secret }) => secret.length > most).length
  if (count > 0) stderr(summaries.truncated(count, most, algorithm))
}

/** A record for each user, or what is wrong with some. */
function makeRecords(
  found: readonly Credential[],
  encodedOf: readonly string[],
): Map<string, Buffer> | Problem[] {
  const records = new Map<string, Buffer>()
  const problems: Problem[] = []
  found.forEach(({ number, user }, i) => {
    const record = Buffer.from(`${user}:${encodedOf[i]}\n`, 'latin1')
    if (record.length > MAX_RECORD_BYTES) problems.push({ number, reason: reasons.recordTooLong })
    records.set(user, record)
  })
  return problems.length > 0 ? problems : records
}

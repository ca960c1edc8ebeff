import { edit } from '../../passwd-file/edits.js'
import { isHash } from '../../passwd-file/not-a-hash.js'
import { MAX_RECORD_BYTES } from '../../passwd-file/records.js'
import { accepts, truncates } from '../../schemes/algorithm.js'
import { type Scheme, schemeNamed, schemeOf } from '../../schemes/index.js'
import { looksLikeBigcrypt, unsupportedScheme } from '../../schemes/unsupported.js'
import { checkAccess } from '../access.js'
import { type Chosen, PLAINTEXT, warnOfUnusedWork } from '../algorithm.js'
import { updateFile } from '../edit.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { errors } from '../messages.js'
import { stderr } from '../output.js'
import { fileName } from '../read.js'
import { onAllCores } from './all-cores.js'
import { type Credential, credentials, passwordProblem, readInput } from './lines.js'
import { complaints, type Problem, reasons, summaries } from './messages.js'

/** Adds or updates the users in the input, all or none. */
export async function importUsers(request: LongRequest): Promise<ExitStatus> {
  const { file, input, create, algorithm, encrypted } = request
  checkAccess({ file, mode: create ? 'create' : 'update' })

  const check = encrypted ? hashProblem : (secret: Buffer) => secretProblem(secret, algorithm)
  const { found, problems } = credentials(readInput(input), check)
  if (problems.length > 0) throw complaints.badLines(fileName(input), problems)

  const encodedOf = encrypted
    ? found.map(({ secret }) => recordedAs(secret))
    : await hashAll(found, algorithm)
  if (encrypted) warnOfUnsupported(encodedOf)
  const records = makeRecords(found, encodedOf)
  if (!(records instanceof Map)) throw complaints.badLines(fileName(input), records)

  const added = await updateFile(file, create, (content) => {
    const { pieces, absent, malformed } = edit(content, records)
    if (malformed) throw errors.notAPasswordFile(file)
    return { pieces, done: absent.length }
  })
  stderr(summaries.imported(added, records.size - added))
  return Status.ok
}

function secretProblem(secret: Buffer, { scheme }: Chosen): string | undefined {
  const problem = passwordProblem(secret)
  if (problem || scheme === PLAINTEXT) return problem
  return accepts(schemeNamed(scheme), secret) ? undefined : reasons.notUtf8
}

/** The secret is a hash; as in a password file, further fields may follow it. */
function hashProblem(secret: Buffer): string | undefined {
  const [hash = ''] = recordedAs(secret).split(':')
  return isHash(hash) || looksLikeBigcrypt(hash) ? undefined : reasons.notAHash
}

/** Trailing white space is not part of the hash, except in {PLAIN}. */
function recordedAs(secret: Buffer): string {
  const text = secret.toString('latin1')
  return isHash(text) ? text : text.replace(/[\t-\r ]+$/, '')
}

/** Some servers support these schemes, but htpasswd -v and htgate do not. */
function warnOfUnsupported(encoded: readonly string[]): void {
  const names = encoded.map((text) => {
    const [hash = ''] = text.split(':')
    return schemeOf(hash) ? undefined : (unsupportedScheme(hash) ?? 'bigcrypt')
  })
  for (const name of new Set(names)) {
    if (name) stderr(summaries.unsupported(names.filter((other) => other === name).length, name))
  }
}

async function hashAll(found: readonly Credential[], chosen: Chosen): Promise<string[]> {
  const { scheme, work } = chosen
  warnOfUnusedWork(chosen)
  if (scheme === PLAINTEXT) return found.map(({ secret }) => secret.toString('latin1'))
  warnOfTruncation(found, schemeNamed(scheme))
  return onAllCores({ task: 'hash', algorithm: { scheme, work }, items: found.map(({ secret }) => secret) })
}

function warnOfTruncation(found: readonly Credential[], scheme: Scheme): void {
  const count = found.filter(({ secret }) => truncates(scheme, secret)).length
  if (count > 0) stderr(summaries.truncated(count, scheme))
}

/** A record for each user, or the problems if there are any. */
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

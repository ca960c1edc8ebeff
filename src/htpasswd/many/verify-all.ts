import { eachLine, encodedOf, userOf } from '../../passwd-file/records.js'
import { accepts } from '../../schemes/algorithm.js'
import { schemeOf } from '../../schemes/index.js'
import { unsupportedScheme } from '../../schemes/unsupported.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { stderr } from '../output.js'
import { fileName, readPasswordFile } from '../read.js'
import { onAllCores } from './all-cores.js'
import { credentials, readInput } from './lines.js'
import { complaints, notFound, summaries, unverifiable, wrong } from './messages.js'

/**
 * Verifies each line of the input as servers would: against the user's first record, ignoring fields after the hash.
 * Reports users whose password is wrong, who do not exist or whose record cannot be verified; never a password.
 */
export async function verifyAll({ file, input }: LongRequest): Promise<ExitStatus> {
  const { found, problems } = credentials(readInput(input), () => undefined)
  if (problems.length > 0) throw complaints.badLines(fileName(input), problems, 'verified')

  const hashes = hashesOf(file, new Set(found.map(({ user }) => user)))
  const absent = found.map(({ user }) => user).filter((user) => !hashes.has(user))
  const cannot = new Map<string, string>()
  const items: [user: string, item: readonly [Buffer, string]][] = []
  for (const { user, secret } of found) {
    const encoded = hashes.get(user)
    if (encoded === undefined) continue
    const why = obstacle(secret, encoded)
    if (why === undefined) items.push([user, [secret, encoded]])
    else cannot.set(user, why)
  }
  const results = await onAllCores({ task: 'verify', items: items.map(([, item]) => item) })
  const failed = items.filter((_, i) => !results[i]).map(([user]) => user)

  const bad = failed.length + absent.length + cannot.size
  const summary = Buffer.from(summaries.verified(found.length - bad, bad))
  stderr(Buffer.concat([notFound(absent), unverifiable(cannot), wrong(failed), summary]))
  return bad > 0 ? Status.mismatch : Status.ok
}

/** Why the password cannot be verified; undefined if it can, even if it is bound to be wrong. */
function obstacle(secret: Buffer, encoded: string): string | undefined {
  const unsupported = unsupportedScheme(encoded)
  if (unsupported) return `${unsupported} is not supported`
  const scheme = schemeOf(encoded)
  return scheme && !accepts(scheme, secret) ? `${scheme.name} requires a UTF-8 password` : undefined
}

/** The hash of each of `users` who has a record. */
function hashesOf(file: string, users: ReadonlySet<string>): Map<string, string> {
  const content = readPasswordFile(file)
  const hashes = new Map<string, string>()
  eachLine(content, (line) => {
    if ('malformed' in line) return true
    const user = userOf(content, line)
    if (users.has(user) && !hashes.has(user)) hashes.set(user, encodedOf(content, line))
    return true
  })
  return hashes
}

import { eachLine, restOf, userOf } from '../../passwd-file/records.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { errors } from '../messages.js'
import { stderr } from '../output.js'
import { fileName, readPasswordFile } from '../read.js'
import { onAllCores } from './all-cores.js'
import { type Credential, credentials, readInput } from './lines.js'
import { complaints, notFound, summaries, wrong } from './messages.js'

/** Verifies each line of the input. Users are named whose password is wrong, or who are not there; passwords never. */
export async function verifyAll({ file, input }: LongRequest): Promise<ExitStatus> {
  const { found, problems } = credentials(readInput(input), () => undefined)
  if (problems.length > 0) throw complaints.badLines(fileName(input), problems, 'verified')

  const encodedOf = hashesOf(file, new Set(found.map(({ user }) => user)))
  const pairs = found.flatMap(({ user, secret }) =>
    (encodedOf.get(user) ?? []).map((encoded) => ({ user, item: [secret, encoded] as const })),
  )
  const results = await onAllCores({ task: 'verify', items: pairs.map(({ item }) => item) })

  const failed = new Set(pairs.filter((_, i) => !results[i]).map(({ user }) => user))
  const absent = found.map(({ user }) => user).filter((user) => !encodedOf.has(user))
  report(found, [...failed], absent)
  return failed.size + absent.length > 0 ? Status.mismatch : Status.ok
}

/** Every hash that a user has; all of them have to verify, as with -v. */
function hashesOf(file: string, users: ReadonlySet<string>): Map<string, string[]> {
  const content = readPasswordFile(file)
  const hashes = new Map<string, string[]>()
  eachLine(content, (line) => {
    if ('malformed' in line) throw errors.notAPasswordFile(file)
    const user = userOf(content, line)
    if (users.has(user)) hashes.set(user, [...(hashes.get(user) ?? []), restOf(content, line)])
    return true
  })
  return hashes
}

function report(found: readonly Credential[], failed: readonly string[], absent: readonly string[]): void {
  const bad = failed.length + absent.length
  stderr(
    Buffer.concat([
      notFound(absent),
      wrong(failed),
      Buffer.from(summaries.verified(found.length - bad, bad)),
    ]),
  )
}

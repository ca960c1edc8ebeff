import { weaknessOf } from '../../passwd-file/audit.js'
import { entriesOf } from '../../passwd-file/entries.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { errors } from '../messages.js'
import { nameFor } from '../names.js'
import { print } from '../output.js'
import { fileName, readPasswordFile } from '../read.js'

/** Lists, one per line, the users who must set a new password: a stronger hash requires one. */
export function listWeak({ file, minimum }: LongRequest): ExitStatus {
  const { entries, malformed } = entriesOf(readPasswordFile(file))
  const weak = entries.filter(({ encoded }) => weaknessOf(encoded, minimum))
  const users = [...new Set(weak.map(({ user }) => user))]
  print(Buffer.concat(users.flatMap((user) => [nameFor(1, user), Buffer.from('\n')])))
  if (malformed.length > 0) throw errors.notAPasswordFile(fileName(file))
  return users.length === 0 ? Status.ok : Status.file
}

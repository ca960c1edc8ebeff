import { weaknessOf } from '../../passwd-file/audit.js'
import { entriesOf } from '../../passwd-file/entries.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { errors } from '../messages.js'
import { print } from '../output.js'
import { readPasswordFile } from '../read.js'

/** Names, one a line, the users who must set a new password: nobody can hash one anew without knowing it. */
export function listWeak({ file, minimum }: LongRequest): ExitStatus {
  const { entries, malformed } = entriesOf(readPasswordFile(file))
  const weak = entries.filter(({ encoded }) => weaknessOf(encoded, minimum))
  const users = [...new Set(weak.map(({ user }) => user))]
  print(Buffer.from(users.map((user) => `${user}\n`).join(''), 'latin1'))
  if (malformed.length > 0) throw errors.notAPasswordFile(file)
  return users.length === 0 ? Status.ok : Status.file
}

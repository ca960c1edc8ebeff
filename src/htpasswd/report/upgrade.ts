import { readFileSync } from 'node:fs'
import { weaknessOf } from '../../passwd-file/audit.js'
import { entriesOf } from '../../passwd-file/entries.js'
import { checkAccess } from '../access.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { print } from '../output.js'

/** Names, one a line, the users who must set a new password: nobody can hash one anew without knowing it. */
export function listWeak({ file, minimum }: LongRequest): ExitStatus {
  checkAccess({ file, mode: 'verify' })
  const weak = entriesOf(readFileSync(file)).entries.filter(({ encoded }) => weaknessOf(encoded, minimum))
  const users = [...new Set(weak.map(({ user }) => user))]
  print(Buffer.from(users.map((user) => `${user}\n`).join(''), 'latin1'))
  return users.length === 0 ? Status.ok : Status.file
}

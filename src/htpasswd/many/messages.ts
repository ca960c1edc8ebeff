import type { Scheme } from '../../schemes/index.js'
import { Exit, ExitStatus } from '../exit-status.js'
import { truncation } from '../messages.js'
import { nameFor } from '../names.js'

// Messages of the long commands. Names have one character per byte until they are printed.

/** A problem with a line of input. */
export interface Problem {
  readonly number: number
  readonly reason: string
}

/** A line that contains a name. */
const line = (before: string, name: string, after: string): Buffer =>
  Buffer.concat([Buffer.from(before), nameFor(2, name), Buffer.from(`${after}\n`)])

const failure = (status: ExitStatus, message: string) => new Exit(status, `htpasswd: ${message}\n`)

/** Further problems are only counted. */
const MOST_PROBLEMS = 100

export const complaints = {
  options: (message: string) => failure(ExitStatus.syntax, `${message}; see htpasswd --help`),
  noTask: (tasks: string[]) =>
    failure(ExitStatus.syntax, `one of ${tasks.join(', ')} is required; see htpasswd --help`),
  conflict: (option: string, task: string) => {
    const flag = option.length === 1 ? `-${option}` : `--${option}`
    return failure(ExitStatus.syntax, `${flag} and --${task} cannot be used together; see htpasswd --help`)
  },
  minimum: (text: string, schemes: string[]) =>
    failure(
      ExitStatus.syntax,
      `--minimum takes a scheme, optionally with a cost or rounds in its range, such as bcrypt:10, not ${text}; schemes: ${schemes.join(', ')}`,
    ),
  cannotRead: (file: string, why: string) => failure(ExitStatus.file, `cannot read ${file}: ${why}`),

  noSuchLine: (file: string, line: number, last: number) =>
    failure(ExitStatus.syntax, `${file} has no line ${line}; its last line is ${last}`),

  /** All problems with the input, line by line, and that nothing was `done`. */
  badLines: (input: string, problems: readonly Problem[], done = 'changed') => {
    const shown = problems.slice(0, MOST_PROBLEMS)
    const lines = shown.map(({ number, reason }) => line(`htpasswd: ${input}:${number}: `, reason, ''))
    const rest = problems.length - shown.length
    if (rest > 0) lines.push(Buffer.from(`htpasswd: and ${rest} more\n`))
    lines.push(Buffer.from(`htpasswd: nothing was ${done}\n`))
    return new Exit(ExitStatus.invalidFile, Buffer.concat(lines))
  },
  usersMissing: (users: readonly string[]) =>
    new Exit(
      ExitStatus.badUser,
      Buffer.concat([notFound(users), Buffer.from('htpasswd: nothing was changed\n')]),
    ),
}

export const reasons = {
  noColon: 'no colon between user and password',
  noPassword: 'password is empty',
  nul: 'password contains a NUL byte',
  tooLong: 'password is longer than 255 bytes',
  userTooLong: 'username is longer than 255 bytes',
  recordTooLong: 'resultant record is too long',
  notUtf8: 'bcrypt requires a UTF-8 password',
  notAHash: 'not a hash of any known scheme',
  duplicate: (user: string, first: number) => `user ${user} is already on line ${first}`,
}

export const waitsForLines = 'htpasswd: reading lines from the terminal, with echo; end with Ctrl-D\n'

export const notFound = (users: readonly string[]): Buffer =>
  Buffer.concat(users.map((user) => line('User ', user, ' not found')))

/** Lists users whose hash or password cannot be verified. */
export const unverifiable = (users: ReadonlyMap<string, string>): Buffer =>
  Buffer.concat(
    [...users].map(([user, why]) => line('Could not verify password for user ', user, `: ${why}`)),
  )

export const wrong = (users: readonly string[]): Buffer =>
  Buffer.concat(users.map((user) => line('Password for user ', user, ' is wrong.')))

const users = (count: number) => `${count} user${count === 1 ? '' : 's'}`

export const summaries = {
  unsupported: (count: number, scheme: string) =>
    `Warning: ${count} ${scheme} hash${count === 1 ? '' : 'es'}, which htpasswd -v and htgate cannot verify.\n`,
  repaired: 'Repaired.\n',
  nothingToRepair: 'Nothing to repair.\n',
  disabled: (count: number) => `Disabled ${count} line${count === 1 ? '' : 's'}.\n`,
  imported: (added: number, updated: number) => `Added ${users(added)}, updated ${updated}.\n`,
  removed: (count: number) => `Removed ${users(count)}.\n`,
  verified: (correct: number, wrong: number) => `${users(correct)} correct, ${wrong} wrong.\n`,
  truncated: (count: number, scheme: Scheme) =>
    `Warning: ${count} password${count === 1 ? '' : 's'} truncated to ${truncation(scheme)}.\n`,
}

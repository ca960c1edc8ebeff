import type { Scheme, WorkFactor } from '../schemes/index.js'
import { type Bytes, Exit, ExitStatus } from './exit-status.js'

// All messages of the command. Those that Apache's htpasswd also prints are the same, byte for byte.

/** A message that may contain bytes, since names are printed exactly as given. */
function text(parts: TemplateStringsArray, ...values: Bytes[]): Buffer {
  return Buffer.concat(parts.flatMap((part, i) => [Buffer.from(part), Buffer.from(values[i] ?? '')]))
}

export const prompts = {
  enter: 'Enter password: ',
  create: 'New password: ',
  repeat: 'Re-type new password: ',
} as const

export const progress = {
  adding: 'Adding ',
  updating: 'Updating ',
  deleting: 'Deleting ',
  passwordFor: (user: Buffer) => text`password for user ${user}\n`,
  correct: (user: Buffer) => text`Password for user ${user} correct.\n`,
  notFound: (user: Buffer) => text`User ${user} not found\n`,
}

export const warnings = {
  plain: 'Warning: storing passwords as plain text might just not work on this platform.\n',
  workIgnored: 'Warning: Ignoring -C/-r argument for this algorithm.\n',
  truncated: (scheme: Scheme) => `Warning: Password truncated to ${truncation(scheme)}.\n`,
}

/** The wording of Apache's warning about -d. */
export const truncation = ({ name, maxPasswordBytes }: Scheme): string =>
  `${maxPasswordBytes} characters by ${name === 'des-crypt' ? 'CRYPT' : name.toUpperCase()} algorithm`

const failure = (status: ExitStatus, message: string) => new Exit(status, `htpasswd: ${message}\n`)

export const errors = {
  // Only the first byte, as in Apache's.
  illegalOption: (letter: string) =>
    text`htpasswd: illegal option -- ${Buffer.from(letter).subarray(0, 1)}\n`,
  argumentMissing: (letter: string) => `htpasswd: option requires an argument -- ${letter}\n`,
  workNotPositive: () => failure(ExitStatus.syntax, 'argument to -C/-r must be a positive integer'),
  oneModeOnly: () => failure(ExitStatus.syntax, 'only one of -c -n -v -D may be specified'),
  fileNameTooLong: () => failure(ExitStatus.tooLong, 'filename too long'),
  userTooLong: () => failure(ExitStatus.tooLong, 'username too long (> 255)'),
  passwordArgumentTooLong: () => failure(ExitStatus.tooLong, 'password too long (> 256)'),
  /** Apache's -v prints this without the prefix. */
  passwordTooLong: (verify: boolean) =>
    verify
      ? new Exit(ExitStatus.tooLong, 'password too long (>256)\n')
      : failure(ExitStatus.tooLong, 'password too long (>256)'),
  recordTooLong: () => failure(ExitStatus.tooLong, 'resultant record too long'),
  passwordsDiffer: () => failure(ExitStatus.mismatch, 'password verification error'),
  bcryptCost: () => failure(ExitStatus.mismatch, 'Unable to encode with bcrypt: Invalid argument'),
  badUser: (why: string) => failure(ExitStatus.badUser, why),

  cannotReadAndWrite: (file: string) =>
    failure(ExitStatus.file, `cannot open file ${file} for read/write access`),
  cannotRead: (file: string) => failure(ExitStatus.file, `cannot open file ${file} for read access`),
  missing: (file: string) => failure(ExitStatus.file, `cannot modify file ${file}; use '-c' to create it`),
  cannotCreate: (file: string) => failure(ExitStatus.file, `cannot create file ${file}`),
  cannotUpdate: (file: string, why: string) =>
    failure(ExitStatus.file, `unable to update file ${file}: ${why}; the file is unchanged`),
  partlyWritten: (file: string, why: string) =>
    failure(
      ExitStatus.file,
      `unable to update file ${file}: ${why}; the file is incomplete: run the command again`,
    ),
  notAPasswordFile: (file: string) =>
    failure(ExitStatus.invalidFile, `The file ${file} does not appear to be a valid htpasswd file.`),

  emptyHash: (user: Buffer) => new Exit(ExitStatus.invalidFile, text`Empty hash for user ${user}\n`),
  userNotFound: (user: Buffer) => new Exit(ExitStatus.badUser, progress.notFound(user)),
  notVerified: () => new Exit(ExitStatus.mismatch, 'password verification failed\n'),
  schemeUnsupported: (name: string) =>
    new Exit(ExitStatus.general, `Could not verify password: ${name} is not supported\n`),
  needsUtf8: ({ name }: Scheme) =>
    new Exit(ExitStatus.general, `Could not verify password: ${name} requires a UTF-8 password\n`),
  notVerifiable: () => new Exit(ExitStatus.general, 'Could not verify password: Invalid argument\n'),

  // Messages that Apache's does not have.
  roundsOutOfRange: (rounds: number, { min, max }: WorkFactor) =>
    failure(ExitStatus.syntax, `-r takes ${min} to ${max} rounds, not ${rounds}`),
  newlineInPlainPassword: () =>
    failure(ExitStatus.syntax, 'a plaintext password cannot contain a newline; omit -p to hash it'),
  nulInPassword: () => failure(ExitStatus.syntax, 'a password cannot contain a NUL byte'),
  passwordNotUtf8: () => failure(ExitStatus.syntax, 'bcrypt requires a UTF-8 password'),
  typedPasswordNotUtf8: () =>
    failure(ExitStatus.syntax, 'the password typed is not UTF-8; -i accepts any encoding'),
  fileNameNotUtf8: (file: string) =>
    failure(ExitStatus.file, `cannot open file ${file}: its name is not UTF-8`),
  cannotPrint: (why: string) => failure(ExitStatus.file, `cannot write to standard output: ${why}`),
  unexpected: (why: string) => failure(ExitStatus.general, why),
}

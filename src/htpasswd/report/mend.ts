import type { Minimum, Rule } from '../../passwd-file/audit.js'
import { badUser } from '../../passwd-file/records.js'

/** A finding as it is reported: about a line, or (line 0) about the file itself. */
export interface Report {
  readonly rule: Rule | 'file-mode'
  readonly line: number
  readonly user: string | undefined
  readonly message: string
  /** A command for a shell. */
  readonly mend: string
}

/** The options that hash well enough for `minimum`. */
export function hashOptions(minimum: Minimum | undefined): string {
  switch (minimum?.scheme) {
    case 'sha512-crypt':
      return minimum.work ? `-5 -r ${minimum.work}` : '-5'
    case 'sha256-crypt':
      return minimum.work ? `-2 -r ${minimum.work}` : '-2'
    case 'bcrypt':
      return `-B -C ${minimum.work ?? 10}`
    default:
      return '-B -C 10'
  }
}

/** The command that mends a finding, for a shell. */
export function mend(
  rule: Rule | 'file-mode',
  file: string,
  user: string,
  line: number,
  minimum?: Minimum,
): string {
  switch (rule) {
    case 'file-mode':
      return `chmod o-rw ${quote(file)}`
    // As a comment the line is harmless, nothing is lost, and the numbers of the others stay.
    case 'malformed-line':
    case 'duplicate-user':
      return `sed -i '${line}s/^/#/' ${quote(file)}`
    default:
      if (badUser(Buffer.from(user))) return `sed -i '${line}s/^/#/' ${quote(file)}`
      return `htpasswd ${hashOptions(minimum)} ${quote(file)} ${quote(user)}`
  }
}

const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

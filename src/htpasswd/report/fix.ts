import type { Minimum, Rule } from '../../passwd-file/audit.js'
import { badUser } from '../../passwd-file/records.js'
import { type Scheme, schemes } from '../../schemes/index.js'
import { FLAGS } from '../algorithm.js'

/** A finding as it is reported: about a line, or (line 0) about the file itself. */
export interface Report {
  readonly rule: Rule | 'file-mode'
  readonly line: number
  readonly user: string | undefined
  readonly message: string
  /** A command for a shell. */
  readonly fix: string
}

/** The options that make a hash good enough for `minimum`. */
export function hashOptions(minimum: Minimum | undefined): string {
  const flagged = schemes.filter(({ name }) => flagOf(name))
  const wanted = flagged.find(({ name, strength }) => name === minimum?.scheme && strength === 'strong')
  const { name, work } = wanted ?? (flagged[0] as Scheme)
  const value = (wanted && minimum?.work) ?? work?.recommended
  const options = work && value !== work.default ? ` ${work.name === 'cost' ? '-C' : '-r'} ${value}` : ''
  return `-${flagOf(name)}${options}`
}

/** Apache's option letter for a scheme. */
const flagOf = (name: string): string | undefined =>
  Object.keys(FLAGS).find((letter) => FLAGS[letter] === name)

/** The shell command that fixes a finding. */
export function fixFor(
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

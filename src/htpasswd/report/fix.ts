import { isUtf8 } from 'node:buffer'
import type { Finding, Minimum, Remedy, Rule } from '../../passwd-file/audit.js'
import { badUser, MAX_RECORD_BYTES } from '../../passwd-file/records.js'
import { type Scheme, schemes } from '../../schemes/index.js'
import { quote, quotePath } from '../../system/shell-quote.js'
import { FLAGS } from '../algorithm.js'

/** A reported finding, about a line or, as line 0, the file itself. */
export interface Report {
  readonly rule: Rule | 'file-mode'
  readonly line: number
  readonly user: string | undefined
  readonly message: string
  /** A shell command that fixes it. */
  readonly fix: string
}

const LONGEST_BCRYPT_RECORD = ':'.length + 60 + '\n'.length

/** The options for a hash that meets `minimum`. */
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

/** Returns a function that makes the shell command for a finding in `file`. */
export function fixesFor(file: string, findings: readonly Finding[], minimum: Minimum | undefined) {
  const path = quotePath(file)
  // htpasswd refuses to edit a file with malformed lines.
  const malformed = findings.filter(({ rule }) => rule === 'malformed-line').map(({ line }) => line)
  const disabling = malformed.length > 0 ? `htpasswd --disable ${malformed.join(',')} ${path} && ` : ''
  const isMisread = findings.some(({ rule }) => rule === 'encoding')
  const repaired = new Set(findings.filter(({ remedy }) => remedy === 'repair').map(({ line }) => line))

  return ({ line, user = '', remedy }: Finding): string => {
    switch (remedyFor(Buffer.from(user, 'latin1'), remedy)) {
      case 'repair':
        return `htpasswd --repair ${path}`
      case 'disable':
        return `htpasswd --disable ${line} ${path}`
      case 'password':
        return [
          isMisread || repaired.has(line) ? `htpasswd --repair ${path} && ` : '',
          disabling,
          `htpasswd ${hashOptions(minimum)} ${path} ${quoteBytes(Buffer.from(user, 'latin1'))}`,
        ].join('')
    }
  }
}

/** A record whose user name htpasswd does not write can only be disabled. */
function remedyFor(user: Buffer, remedy: Remedy): Remedy {
  const isWritable = badUser(user) === undefined && user.length + LONGEST_BCRYPT_RECORD <= MAX_RECORD_BYTES
  return remedy === 'password' && !isWritable ? 'disable' : remedy
}

/** Removes the permissions of other users. */
export const modeFix = (file: string): string => `chmod o-rw ${quotePath(file)}`

/** Quotes a name for the shell; printf makes the bytes of one that is not UTF-8. */
function quoteBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return quote(bytes.toString())
  const octal = (byte: number) => `\\${byte.toString(8).padStart(3, '0')}`
  const isPlain = (byte: number) => /[\w@+=,./-]/.test(String.fromCharCode(byte))
  const text = Array.from(bytes, (byte) => (isPlain(byte) ? String.fromCharCode(byte) : octal(byte))).join('')
  return `"$(printf '${text}')"`
}

import { VERSION } from '../version.js'
import { USAGE } from './usage.js'

const LONG_OPTIONS = `
Options that Apache's htpasswd does not have:
 --help     Show this text.
 --version  Show the version.
`

/** What --help and --version print. */
export function helpText(topic: 'help' | 'version'): string {
  return topic === 'help' ? USAGE + LONG_OPTIONS : `htpasswd (htgate) ${VERSION}\n`
}

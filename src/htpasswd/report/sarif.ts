import { VERSION } from '../../version.js'
import type { Report } from './fix.js'

const RULES: Record<Report['rule'], { readonly level: 'error' | 'warning'; readonly text: string }> = {
  'weak-scheme': { level: 'error', text: 'The scheme does not resist guessing.' },
  'low-cost': { level: 'warning', text: 'The cost is too low.' },
  plaintext: { level: 'error', text: 'Not a hash; perhaps the password itself.' },
  'unsupported-scheme': { level: 'warning', text: 'Not every server supports the scheme.' },
  'malformed-hash': { level: 'error', text: 'Not a complete hash.' },
  'malformed-line': { level: 'error', text: 'Not a record.' },
  'empty-hash': { level: 'error', text: 'The record has no hash.' },
  'empty-user': { level: 'error', text: 'The record has no user name.' },
  'duplicate-user': { level: 'warning', text: 'The user has several records.' },
  'white-space': { level: 'error', text: 'White space that servers interpret differently.' },
  quotes: { level: 'error', text: 'Quotes around a record, a name or a hash.' },
  encoding: { level: 'error', text: 'The file is not UTF-8 without a byte-order mark.' },
  'file-mode': { level: 'error', text: 'Other users can read or write the file.' },
}

/** Static Analysis Results Interchange Format, version 2.1.0 (OASIS). */
export function sarif(file: string, reports: readonly Report[]): string {
  const rules = Object.entries(RULES).map(([id, { level, text }]) => ({
    id,
    shortDescription: { text },
    defaultConfiguration: { level },
  }))
  const results = reports.map(({ rule, line, user, message, fix }) => ({
    ruleId: rule,
    level: RULES[rule].level,
    message: { text: `${user === undefined ? '' : `${user}: `}${message}. Fix: ${fix}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/') },
          region: { startLine: Math.max(line, 1) },
        },
      },
    ],
  }))
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver: { name: 'htpasswd', version: VERSION, rules } }, results }],
  }
  return `${JSON.stringify(log, null, 2)}\n`
}

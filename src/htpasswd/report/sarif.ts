import { VERSION } from '../../version.js'
import type { Report } from './fix.js'

const RULES: Record<Report['rule'], { readonly level: 'error' | 'warning'; readonly text: string }> = {
  'weak-scheme': { level: 'error', text: 'The scheme no longer withstands guessing.' },
  'low-cost': { level: 'warning', text: 'The cost is too low to slow guessing down.' },
  plaintext: { level: 'error', text: 'The password is stored as it is.' },
  'unknown-scheme': { level: 'warning', text: 'The hash is of no known scheme.' },
  'malformed-hash': { level: 'error', text: 'The hash is not whole.' },
  'malformed-line': { level: 'error', text: 'The line is not a record.' },
  'empty-hash': { level: 'error', text: 'The record has no hash.' },
  'duplicate-user': { level: 'warning', text: 'The user has several records.' },
  'file-mode': { level: 'error', text: 'Others may read or write the file.' },
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

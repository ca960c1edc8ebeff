import { readFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import { workName } from '../../passwd-file/audit.js'
import { type Entry, entriesOf } from '../../passwd-file/entries.js'
import { schemeOf } from '../../schemes/index.js'
import { checkAccess } from '../access.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { errors } from '../messages.js'
import { print, stderr } from '../output.js'

/** Shows each user with scheme and cost: aligned on a terminal, separated by tabs in a pipe, or as JSON. */
export function listUsers({ file, json }: LongRequest): ExitStatus {
  checkAccess({ file, mode: 'verify' })
  const { entries, malformed } = entriesOf(readFileSync(file))
  print(json ? asJson(entries) : Buffer.from(asText(entries), 'latin1'))
  if (malformed.length === 0) return Status.ok
  stderr(errors.notAPasswordFile(file).output)
  return Status.invalidFile
}

function describe({ encoded }: Entry): { scheme: string; work: number | undefined } {
  const scheme = schemeOf(encoded)
  if (scheme) return { scheme: scheme.name, work: scheme.work?.(encoded) }
  return {
    scheme: encoded === '' ? 'none' : /^[$_{*!]/.test(encoded) ? 'unknown' : 'plaintext',
    work: undefined,
  }
}

function asText(entries: readonly Entry[]): string {
  const rows = entries.map((entry) => {
    const { scheme, work } = describe(entry)
    return [entry.user, scheme, work === undefined ? '-' : String(work)]
  })
  if (!isatty(1)) return rows.map((row) => `${row.join('\t')}\n`).join('')
  rows.unshift(['USER', 'SCHEME', 'COST'])
  const width = (column: number) => Math.max(...rows.map((row) => text(row[column]).length))
  const widths = [width(0), width(1)]
  return rows
    .map(([user = '', scheme = '', work = '']) => {
      const gap = ' '.repeat((widths[0] as number) - text(user).length)
      return `${user}${gap}  ${scheme.padEnd(widths[1] as number)}  ${work}\n`
    })
    .join('')
}

function asJson(entries: readonly Entry[]): string {
  const rows = entries.map((entry) => {
    const { scheme, work } = describe(entry)
    const name = schemeOf(entry.encoded)?.name
    return {
      line: entry.number,
      user: text(entry.user),
      scheme,
      ...(work !== undefined && name ? { [workName(name)]: work } : {}),
    }
  })
  return `${JSON.stringify(rows, null, 2)}\n`
}

/** From one character a byte to text, which is UTF-8 as a rule. */
const text = (latin1 = ''): string => Buffer.from(latin1, 'latin1').toString()

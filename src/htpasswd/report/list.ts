import { isatty } from 'node:tty'
import { weaknessOf } from '../../passwd-file/audit.js'
import { type Entry, entriesOf } from '../../passwd-file/entries.js'
import { schemeOf } from '../../schemes/index.js'
import { unsupportedScheme } from '../../schemes/unsupported.js'
import { printable } from '../../system/printable.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { errors } from '../messages.js'
import { print } from '../output.js'
import { fileName, readPasswordFile } from '../read.js'

/** Lists users with scheme and cost: in columns on a terminal, with tabs in a pipe, or as JSON. */
export function listUsers({ file, json }: LongRequest): ExitStatus {
  const { entries, malformed } = entriesOf(readPasswordFile(file))
  if (json) print(asJson(entries))
  else if (isatty(1)) print(asTable(entries))
  else print(Buffer.from(asLines(entries), 'latin1'))
  if (malformed.length > 0) throw errors.notAPasswordFile(fileName(file))
  return Status.ok
}

function describe({ encoded }: Entry): { scheme: string; work: number | undefined; workName?: string } {
  const scheme = schemeOf(encoded)
  if (scheme) {
    const work = scheme.workOf?.(encoded)
    return { scheme: scheme.name, work, ...(scheme.work && { workName: scheme.work.name }) }
  }
  if (encoded === '') return { scheme: 'none', work: undefined }
  const isPlaintext = weaknessOf(encoded)?.rule === 'plaintext'
  return { scheme: unsupportedScheme(encoded) ?? (isPlaintext ? 'plaintext' : 'unknown'), work: undefined }
}

function rowsOf(entries: readonly Entry[]): string[][] {
  return entries.map((entry) => {
    const { scheme, work } = describe(entry)
    return [entry.user, scheme, work === undefined ? '-' : String(work)]
  })
}

/** One character per byte, so that names in a pipe keep their bytes. */
const asLines = (entries: readonly Entry[]): string =>
  rowsOf(entries)
    .map((row) => `${row.join('\t')}\n`)
    .join('')

function asTable(entries: readonly Entry[]): string {
  const rows = [
    ['USER', 'SCHEME', 'COST'],
    ...rowsOf(entries).map(([user, ...rest]) => [printable(text(user)), ...rest]),
  ]
  const widthOf = (column: number) => rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0)
  const [user, scheme] = [widthOf(0), widthOf(1)]
  return rows.map(([a = '', b = '', c = '']) => `${a.padEnd(user)}  ${b.padEnd(scheme)}  ${c}\n`).join('')
}

function asJson(entries: readonly Entry[]): string {
  const rows = entries.map((entry) => {
    const { scheme, work, workName } = describe(entry)
    return {
      line: entry.number,
      user: text(entry.user),
      scheme,
      ...(work !== undefined && workName ? { [workName]: work } : {}),
    }
  })
  return `${JSON.stringify(rows, null, 2)}\n`
}

/** Decodes one character per byte as UTF-8. */
const text = (latin1 = ''): string => Buffer.from(latin1, 'latin1').toString()

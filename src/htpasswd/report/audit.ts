import { statSync } from 'node:fs'
import { audit, type Finding } from '../../passwd-file/audit.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { print, stderr } from '../output.js'
import { readPasswordFile } from '../read.js'
import { fixFor, type Report } from './fix.js'
import { printable } from './printable.js'
import { sarif } from './sarif.js'

/** Reports what is wrong with the file. Status 1 if anything is. */
export function auditFile(request: LongRequest): ExitStatus {
  const { file, json, sarif: asSarif } = request
  const reports = reportsOn(request)
  if (asSarif) print(sarif(file, reports))
  else if (json) print(`${JSON.stringify(reports, null, 2)}\n`)
  else print(printable(reports.map((report) => textOf(file, report)).join('')))
  stderr(
    `${reports.length === 0 ? 'no' : reports.length} finding${reports.length === 1 ? '' : 's'} in ${file}\n`,
  )
  return reports.length === 0 ? Status.ok : Status.file
}

function reportsOn({ file, minimum }: LongRequest): Report[] {
  const reportOf = ({ rule, line, user, message }: Finding): Report => {
    const name = user === undefined ? undefined : Buffer.from(user, 'latin1').toString()
    return { rule, line, user: name, message, fix: fixFor(rule, file, name ?? '', line, minimum) }
  }
  const content = readPasswordFile(file)
  return [...fileReports(file), ...audit(content, minimum).map(reportOf)]
}

function fileReports(file: string): Report[] {
  const others = statSync(file).mode & 0o006
  if (others === 0) return []
  const may = others === 6 ? 'read and write' : others === 4 ? 'read' : 'write'
  return [
    {
      rule: 'file-mode',
      line: 0,
      user: undefined,
      message: `every user of this machine may ${may} the file`,
      fix: fixFor('file-mode', file, '', 0),
    },
  ]
}

/** FILE:LINE: as compilers have it, for editors to jump to. */
function textOf(file: string, { line, user, message, fix }: Report): string {
  const place = line === 0 ? file : `${file}:${line}`
  return `${place}: ${user === undefined ? '' : `${user}: `}${message}\n    ${fix}\n`
}

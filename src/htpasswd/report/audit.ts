import { statSync } from 'node:fs'
import { audit, type Finding } from '../../passwd-file/audit.js'
import { printable } from '../../system/printable.js'
import { type ExitStatus, ExitStatus as Status } from '../exit-status.js'
import type { LongRequest } from '../long-options.js'
import { print, stderr } from '../output.js'
import { fileName, readPasswordFile } from '../read.js'
import { fixesFor, modeFix, type Report } from './fix.js'
import { sarif } from './sarif.js'

/** Reports findings about the file. Status 1 if there are any. */
export function auditFile(request: LongRequest): ExitStatus {
  const { file, name = fileName(file), json, sarif: asSarif } = request
  const reports = reportsOn(request)
  if (asSarif) print(sarif(name, reports))
  else if (json) print(`${JSON.stringify(reports, null, 2)}\n`)
  else print(reports.map((report) => textOf(name, report)).join(''))
  const count = `${reports.length === 0 ? 'no' : reports.length} finding${reports.length === 1 ? '' : 's'}`
  stderr(`${count} in ${printable(name)}\n`)
  return reports.length === 0 ? Status.ok : Status.file
}

/** What `--audit --json` prints. */
export function reportsOn({ file, name, minimum }: LongRequest): Report[] {
  const findings = audit(readPasswordFile(file), minimum)
  // Only the caller knows the name of a file on standard input.
  const fix = fixesFor(name ?? (file === '-' ? 'passwordfile' : file), findings, minimum)
  const reportOf = (finding: Finding): Report => {
    const { rule, line, user, message } = finding
    const text = user === undefined ? undefined : Buffer.from(user, 'latin1').toString()
    return { rule, line, user: text, message, fix: fix(finding) }
  }
  return [...(file === '-' ? [] : fileReports(file)), ...findings.map(reportOf)]
}

function fileReports(file: string): Report[] {
  const others = statSync(file).mode & 0o006
  if (others === 0) return []
  const may = others === 6 ? 'read and write' : others === 4 ? 'read' : 'write'
  const message = `everyone on this machine can ${may} the file`
  return [{ rule: 'file-mode', line: 0, user: undefined, message, fix: modeFix(file) }]
}

/** Starts with FILE:LINE: as compilers print it, so that editors can jump there. */
function textOf(file: string, { line, user, message, fix }: Report): string {
  const place = line === 0 ? file : `${file}:${line}`
  return `${printable(`${place}: ${user === undefined ? '' : `${user}: `}${message}`)}\n    ${printable(fix)}\n`
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExitStatus } from './exit-status.js'
import { helpText, versionText } from './help.js'
import { parseLong } from './long-options.js'
import { importUsers } from './many/import.js'
import { removeUsers } from './many/remove.js'
import { verifyAll } from './many/verify-all.js'
import { print } from './output.js'
import { auditFile } from './report/audit.js'
import { listUsers } from './report/list.js'
import { disableLines, repairFile } from './report/repair.js'
import { listWeak } from './report/upgrade.js'

/** Runs a command line with long options, which Apache's htpasswd doesn't have. */
export async function run(args: string[]): Promise<ExitStatus> {
  const request = parseLong(args)
  switch (request.task) {
    case 'help':
      print(helpText())
      return 0
    case 'version':
      print(versionText())
      return 0
    case 'completion':
      print(readFileSync(join(import.meta.dirname, '../completions', request.shell)))
      return 0
    case 'import':
      return importUsers(request)
    case 'remove':
      return removeUsers(request)
    case 'verify-all':
      return verifyAll(request)
    case 'list':
      return listUsers(request)
    case 'audit':
      return auditFile(request)
    case 'upgrade':
      return listWeak(request)
    case 'repair':
      return repairFile(request)
    case 'disable':
      return disableLines(request)
  }
}

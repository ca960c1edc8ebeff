import { VERSION } from '../version.js'
import { type Option, TASK_OPTIONS, TASKS } from './manual.js'
import { USAGE } from './usage.js'

/** Apache's usage, then the long options that only ours has. */
export function helpText(): string {
  return `${USAGE}
Options that Apache's htpasswd does not have:
${TASKS.map(line).join('\n')}
FILE defaults to standard input, as does -. --list, --audit and --upgrade also accept - for passwordfile.

Options of these commands:
${TASK_OPTIONS.map(line).join('\n')}
--import also accepts -c -m -2 -5 -B -d -s -p -C -r.
`
}

export const versionText = (): string => `htpasswd (htgate) ${VERSION}\n`

function line({ flag, argument, text }: Option): string {
  const head = ` ${flag}${argument ? ` ${argument}` : ''}`
  return `${head}\n     ${text}`
}

import { VERSION } from '../version.js'
import { type Option, TASK_OPTIONS, TASKS } from './manual.js'
import { USAGE } from './usage.js'

/** What --help prints: Apache's usage, and our long options. */
export function helpText(): string {
  return `${USAGE}
Options that Apache's htpasswd does not have:
${TASKS.map(line).join('\n')}
FILE is standard input if it is left out or -.

With those:
${TASK_OPTIONS.map(line).join('\n')}
The options -c -m -2 -5 -B -d -s -p -C -r go with --import as well.
`
}

export const versionText = (): string => `htpasswd (htgate) ${VERSION}\n`

function line({ flag, argument, text }: Option): string {
  const head = ` ${flag}${argument ? ` ${argument}` : ''}`
  return `${head}\n     ${text}`
}

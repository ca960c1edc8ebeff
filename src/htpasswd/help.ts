import { wrap } from '../system/wrap.js'
import { VERSION } from '../version.js'
import { type Option, TASK_OPTIONS, TASKS } from './manual.js'
import { USAGE } from './usage.js'

/** Narrower terminals break lines themselves. */
const NARROWEST = 20

/**
 * Apache's usage, byte for byte, then the long options that only ours has.
 * @param columns the width of the terminal; undefined if there is none
 */
export function helpText(columns = process.stdout.columns): string {
  const width = columns === undefined ? Number.POSITIVE_INFINITY : Math.max(columns, NARROWEST)
  const line = ({ flag, argument, text }: Option): string =>
    [...wrap(`${flag}${argument ? ` ${argument}` : ''}`, width, 1), ...wrap(text, width, 5)].join('\n')
  const note = (text: string) => wrap(text, width, 0).join('\n')
  return `${USAGE}
Options that Apache's htpasswd does not have:
${TASKS.map(line).join('\n')}
${note('FILE defaults to standard input, as does -. --list, --audit and --upgrade also accept - for passwordfile.')}

Options of these commands:
${TASK_OPTIONS.map(line).join('\n')}
${note('--import also accepts -c -m -2 -5 -B -d -s -p -C -r.')}
`
}

export const versionText = (): string => `htpasswd (htgate) ${VERSION}\n`

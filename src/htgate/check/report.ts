import type { Finding } from '../../auth/provider.js'

/** A part of the gate that can be tried out: the option that configures it, and how. */
export interface Area {
  /** What the lines of its findings begin with, such as `--upstream`. */
  readonly name: string
  /** May throw: then that is a finding too. */
  check(): Promise<readonly Finding[]>
}

const LABELS: Readonly<Record<Finding['state'], string>> = {
  works: 'works  ',
  warning: 'warning',
  fails: 'FAILS  ',
}
const INDENT = ' '.repeat(LABELS.works.length + 2)

/** Tries out every area, one after the other, and writes what it found. Resolves to the number of failures. */
export async function report(areas: readonly Area[], write: (text: string) => void): Promise<number> {
  let failures = 0
  for (const area of areas) {
    for (const finding of await findingsOf(area)) {
      write(linesOf(area.name, finding))
      if (finding.state === 'fails') failures++
    }
  }
  return failures
}

async function findingsOf(area: Area): Promise<readonly Finding[]> {
  try {
    return await area.check()
  } catch (error) {
    return [failure(error)]
  }
}

/** What an error is as a finding; a hint is on its second line. */
export function failure(error: unknown): Finding {
  const [text = '', ...hints] = String(error instanceof Error ? error.message : error).split('\n')
  const hint = hints.map((line) => line.replace(/^hint: /, '')).join('; ')
  return { state: 'fails', text, ...(hint && { hint }) }
}

function linesOf(area: string, { state, text, hint }: Finding): string {
  // A message that names the option already says it once.
  const line = `${LABELS[state]}  ${text.startsWith(area) ? text : `${area}: ${text}`}\n`
  return hint === undefined ? line : `${line}${INDENT}hint: ${hint}\n`
}

import type { Finding } from '../../auth/provider.js'

/** A part of the configuration to test. */
export interface Area {
  /** The option that configures it, such as `--upstream`. Its findings start with it. */
  readonly name: string
  /** May reject: the error is then reported as a finding. */
  check(): Promise<readonly Finding[]>
}

const LABELS: Readonly<Record<Finding['state'], string>> = {
  works: 'works  ',
  warning: 'warning',
  fails: 'FAILS  ',
}
const INDENT = ' '.repeat(LABELS.works.length + 2)

/** Tests the areas one by one, and writes the findings. Resolves to the number of failures. */
export async function report(
  areas: readonly Area[],
  write: (text: string) => Promise<void>,
): Promise<number> {
  let failures = 0
  const reported = new Set<string>()
  for (const area of areas) {
    for (const finding of await findingsOf(area)) {
      // Another option's fault, such as that of --oidc-ca, which several areas need.
      if (reported.has(finding.text)) continue
      const text = textOf(area.name, finding)
      reported.add(text)
      await write(linesOf(text, finding))
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

/** An error as a finding. The lines after the first are hints. */
export function failure(error: unknown): Finding {
  const [text = '', ...hints] = String(error instanceof Error ? error.message : error).split('\n')
  const hint = hints.map((line) => line.replace(/^hint: /, '')).join('; ')
  return { state: 'fails', text, ...(hint && { hint }) }
}

/** Some messages already start with an option. */
const textOf = (area: string, { text }: Finding): string =>
  text.startsWith('--') ? text : `${area}: ${text}`

function linesOf(text: string, { state, hint }: Finding): string {
  const line = `${LABELS[state]}  ${text}\n`
  return hint === undefined ? line : `${line}${INDENT}hint: ${hint}\n`
}

// Reads the sessions of this folder; README.md says how they are written.

export type Player = 'ours' | 'apache'

export interface Step {
  readonly command: string
  /** The lines of its output, and `[STATUS]`. */
  readonly expected: readonly string[]
}

/** The steps of a session for `player`, with its expected output. */
export function stepsOf(text: string, player: Player): Step[] {
  const steps: { command: string; expected: string[] }[] = []
  for (const block of blocksOf(text)) {
    let concerned = true
    for (const line of block) {
      const [, only, command] = /^(ours|apache)?\$ (.*)$/.exec(line) ?? []
      if (command !== undefined) {
        concerned = only === undefined || only === player
        if (concerned) steps.push({ command, expected: [] })
        continue
      }
      const step = steps.at(-1)
      if (step === undefined || !concerned) continue
      const [, whose, output = ''] = /^(ours|apache): ?(.*)$/.exec(line) ?? []
      if (line.startsWith('> ')) step.command += `\n${line.slice(2)}`
      else if (whose === undefined) step.expected.push(line)
      else if (whose === player) step.expected.push(output)
    }
  }
  for (const { expected } of steps) {
    if (!/^\[\d+\]$/.test(expected.at(-1) ?? '')) expected.push('[0]')
  }
  return steps
}

/** The indented parts of the text, including blank lines within them. */
function blocksOf(text: string): string[][] {
  const blocks: string[][] = []
  for (const block of text.split(/^\S.*\n/m)) {
    const lines = block.replace(/^\n+|\n+$/g, '').split('\n')
    blocks.push(lines.map((line) => line.replace(/^ {2}/, '')))
  }
  return blocks
}

/** Whether a line of output is the expected one, in which `<22>` stands for 22 characters of crypt(3)'s alphabet. */
export function matches(output: string, expected: string): boolean {
  const pattern = expected.replace(/<(\d+)>|[^<]+|</g, (part, length) =>
    length ? `[./0-9A-Za-z]{${length}}` : part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
  )
  return new RegExp(`^${pattern}$`).test(output)
}

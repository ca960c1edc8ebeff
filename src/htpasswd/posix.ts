/** Arguments as POSIX splits them: one option letter each, and operands from the first argument that is no option. */
export interface Split {
  /** `-cb` as `-c`, `-b`; `-C10` as `-C`, `10`; long options as they are. */
  readonly options: string[]
  readonly operands: string[]
  /** The letter at which splitting ended, if it did not come to the operands. */
  readonly wrong?: { readonly letter: string; readonly why: 'illegal' | 'argument missing' }
}

/**
 * Splits as apr_getopt does, which knows neither long options nor options after an operand.
 * @param takesArgument whether a letter takes an argument; undefined for a letter that is no option
 */
export function split(
  args: readonly string[],
  takesArgument: (letter: string) => boolean | undefined,
): Split {
  const options: string[] = []
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string
    if (arg === '--') return { options, operands: args.slice(index + 1) }
    if (!arg.startsWith('-')) return { options, operands: args.slice(index) }
    if (arg.startsWith('--')) {
      options.push(arg)
      continue
    }

    const letters = Array.from(arg.slice(1))
    if (letters.length === 0) return { options, operands: args.slice(index) }
    while (letters.length > 0) {
      const letter = letters.shift() as string
      // A hyphen among the letters ends the options, and its argument is the first operand.
      if (letter === '-') return { options, operands: args.slice(index) }
      const takes = takesArgument(letter)
      if (takes === undefined) return { options, operands: [], wrong: { letter, why: 'illegal' } }
      options.push(`-${letter}`)
      if (takes) {
        const value = letters.length > 0 ? letters.join('') : args[++index]
        if (value === undefined) {
          options.pop()
          return { options, operands: [], wrong: { letter, why: 'argument missing' } }
        }
        options.push(value)
        break
      }
    }
  }
  return { options, operands: [] }
}

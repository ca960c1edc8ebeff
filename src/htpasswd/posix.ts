/** Arguments as POSIX splits them: options one by one, then operands, from the first argument that is not an option. */
export interface Split {
  /** `-cb` as `-c`, `-b`; `-C10` as `-C`, `10`; long options as they are. */
  readonly options: string[]
  readonly operands: string[]
  /** Whether there are long options, which Apache's does not have. */
  readonly long: boolean
  /** The letter at which splitting failed. */
  readonly wrong?: { readonly letter: string; readonly why: 'illegal' | 'argument missing' }
}

/**
 * Splits as apr_getopt does, which knows neither long options nor options after an operand.
 * @param letters the option letters in the notation of getopt(3): a colon follows each that takes an argument
 * @param longWithArgument the long options that take an argument
 */
export function split(
  args: readonly string[],
  letters: string,
  longWithArgument: readonly string[] = [],
): Split {
  const options: string[] = []
  let long = false
  const done = (operands: string[], wrong?: Split['wrong']): Split =>
    wrong ? { options, operands, long, wrong } : { options, operands, long }

  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string
    if (arg === '--') return done(args.slice(index + 1))
    if (!arg.startsWith('-')) return done(args.slice(index))
    if (arg.startsWith('--')) {
      long = true
      options.push(arg)
      if (longWithArgument.includes(arg) && index + 1 < args.length) options.push(args[++index] as string)
      continue
    }

    const rest = Array.from(arg.slice(1))
    if (rest.length === 0) return done(args.slice(index))
    while (rest.length > 0) {
      const letter = rest.shift() as string
      // As in apr_getopt, a hyphen inside an argument ends the options, and that argument is the first operand.
      if (letter === '-') return done(args.slice(index))
      if (letter === ':' || !letters.includes(letter)) return done([], { letter, why: 'illegal' })
      if (letters[letters.indexOf(letter) + 1] !== ':') {
        options.push(`-${letter}`)
        continue
      }
      const value = rest.length > 0 ? rest.join('') : args[++index]
      if (value === undefined) return done([], { letter, why: 'argument missing' })
      options.push(`-${letter}`, value)
      break
    }
  }
  return done([])
}

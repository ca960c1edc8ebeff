import { type Command, CommanderError } from 'commander'
import { PORT_PLACEHOLDER } from '../processes/guarded-command.js'
import { errors } from './messages.js'
import { OPTIONS } from './options/index.js'
import { closest } from './suggestions.js'

/** `json, text or off` */
export const oneOfText = (choices: readonly string[]): string =>
  choices.join(', ').replace(/, (?=[^,]*$)/, ' or ')

/**
 * Explains what commander rejects in a command line, in the words of the other messages.
 * @param command the one that has the options
 * @param name the command to ask for help
 * @returns the error to throw; `error` itself if it is another one
 */
export function syntaxError(error: unknown, command: Command, name: string): unknown {
  if (!(error instanceof CommanderError)) return error
  const [, quoted = ''] = /'([^']*)'/.exec(error.message) ?? []
  const flags = command.options.map(({ long, short }) => long ?? (short as string))
  switch (error.code) {
    case 'commander.unknownOption': {
      const flag = quoted.replace(/=.*/s, '')
      if (flag !== quoted && flags.includes(flag)) return errors.option(`${flag} takes no value`, name)
      const meant = flag.startsWith('--') ? closest(flag, flags) : undefined
      const hint = hintFor(command, meant && `did you mean ${meant}?`)
      return errors.option(`unknown option '${flag}'${hint}`, name)
    }
    case 'commander.optionMissingArgument': {
      const flag = /--[\w-]+/.exec(quoted)?.[0] ?? quoted
      const choices = OPTIONS.find((each) => each.flag === flag)?.choices
      return errors.option(
        `${flag} requires a value${choices === undefined ? '' : `: ${oneOfText(choices)}`}`,
        name,
      )
    }
    case 'commander.excessArguments':
      return errors.option(
        `unexpected argument '${command.args[0]}'${hintFor(command, operandHint(command))}`,
        name,
      )
    case 'commander.unknownCommand': {
      const names = command.commands.map((each) => each.name())
      return errors.option(`unknown command '${quoted}'\nhint: it is one of ${names.join(', ')}`, name)
    }
    default:
      return errors.option(error.message.replace(/^error: /, ''), name)
  }
}

function operandHint({ args: [operand], options }: Command): string {
  const flag = options.find(({ long }) => long === `--${operand}`)?.long
  return flag === undefined ? 'a command to guard goes after --' : `did you mean ${flag}?`
}

/** A command to guard without the `--` before it explains most other errors. Its arguments may contain passwords. */
function hintFor({ args }: Command, otherwise?: string): string {
  const isCommand = args.some((each) => each.includes(PORT_PLACEHOLDER))
  const hint = isCommand ? `put -- before the command to guard: -- ${args[0]} …` : otherwise
  return hint === undefined ? '' : `\nhint: ${hint}`
}

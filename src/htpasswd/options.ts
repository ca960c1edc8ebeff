import { isUtf8 } from 'node:buffer'
import { Command } from 'commander'
import { badUser } from '../passwd-file/records.js'
import { algorithmOptions, type Chosen, checkRounds } from './algorithm.js'
import { rawArguments } from './arguments.js'
import { Exit, ExitStatus } from './exit-status.js'
import { errors } from './messages.js'
import type { Split } from './posix.js'
import { USAGE } from './usage.js'

export type Mode = 'update' | 'create' | 'print' | 'delete' | 'verify'

/** A valid command line. */
export interface Invocation extends Chosen {
  readonly mode: Mode
  readonly source: 'terminal' | 'input' | 'argument'
  /** Absent in mode `print`. */
  readonly file: string
  readonly user: Buffer
  readonly password: Buffer | undefined
}

/** The options of Apache's htpasswd, in the notation of getopt(3). */
export const LETTERS = 'cnmspdBbDi25C:r:v'

const MODES: Record<string, Mode> = { c: 'create', n: 'print', D: 'delete', v: 'verify' }
const SOURCES: Record<string, Invocation['source']> = { b: 'argument', i: 'input' }

const COLON = 0x3a
const MAX_STRING = 255
const MAX_PATH = 4095

/** @throws Exit for an invalid command line */
export function parse({ options, operands, wrong }: Split): Invocation {
  const modes = new Set<Mode>()
  let source: Invocation['source'] = 'terminal'

  const command = new Command('htpasswd').helpOption(false).exitOverride()
  // Declaring all seventeen would take longer than parsing the given ones.
  const isGiven = (letter: string) => options.includes(`-${letter}`)
  for (const [letter, mode] of Object.entries(MODES).filter(([letter]) => isGiven(letter))) {
    command.option(`-${letter}`).on(`option:${letter}`, () => modes.add(mode))
  }
  const algorithm = algorithmOptions(command, isGiven)
  for (const [letter, from] of Object.entries(SOURCES).filter(([letter]) => isGiven(letter))) {
    command.option(`-${letter}`).on(`option:${letter}`, () => {
      source = from
    })
  }
  command.argument('[operands...]').parse([...options, '--', ...operands], { from: 'user' })

  if (wrong) throw syntax(wrong)
  if (modes.size > 1) throw errors.oneModeOnly()
  const [mode = 'update'] = modes
  const invocation = { mode, ...algorithm, source, ...operandsOf(mode, source, operands) }
  const { user } = invocation
  if (mode !== 'delete' && mode !== 'verify') {
    // -n writes no file, and `htpasswd -n ""` is a common way to get a bare hash.
    const why = mode === 'print' && user.length === 0 ? undefined : badUser(user)
    if (why) throw errors.badUser(why)
    checkRounds(algorithm)
  }
  return invocation
}

/** The complaint about an option letter, if there is one, followed by the usage. */
export function syntax(wrong?: Split['wrong']): Exit {
  const complaint = wrong
    ? errors[wrong.why === 'illegal' ? 'illegalOption' : 'argumentMissing'](wrong.letter)
    : ''
  return new Exit(ExitStatus.syntax, Buffer.concat([Buffer.from(complaint), Buffer.from(USAGE)]))
}

function operandsOf(mode: Mode, source: Invocation['source'], operands: string[]) {
  const expected = (mode === 'print' ? 1 : 2) + (source === 'argument' ? 1 : 0)
  if (operands.length !== expected) throw syntax()

  const bytes = rawArguments(operands)
  const name = mode === 'print' ? Buffer.alloc(0) : (bytes.shift() as Buffer)
  const file = name.toString()
  if (name.length > MAX_PATH) throw errors.fileNameTooLong()
  if (!isUtf8(name)) throw errors.fileNameNotUtf8(file)

  const [user, password] = bytes as [Buffer, Buffer?]
  if (user.length > MAX_STRING) throw errors.userTooLong()
  if (user.includes(COLON)) throw errors.badUser("username contains illegal character ':'")
  if (password && password.length > MAX_STRING) throw errors.passwordArgumentTooLong()
  return { file, user, password }
}

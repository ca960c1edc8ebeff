import { Command } from 'commander'
import { badUser } from '../passwd-file/records.js'
import type { SchemeName } from '../schemes/index.js'
import { MAX_ROUNDS, MIN_ROUNDS } from '../schemes/sha-crypt.js'
import { rawArguments } from './arguments.js'
import { Exit, ExitStatus } from './exit-status.js'
import { errors, warnings } from './messages.js'
import { stderr } from './output.js'
import { split } from './posix.js'
import { USAGE } from './usage.js'

export type Mode = 'update' | 'create' | 'print' | 'delete' | 'verify'

/** A command line that can be carried out. */
export interface Invocation {
  readonly mode: Mode
  readonly scheme: SchemeName
  /** -C and -r are one value to Apache: bcrypt's cost or the rounds of SHA-crypt. */
  readonly work: number | undefined
  readonly source: 'terminal' | 'input' | 'argument'
  /** Absent in mode `print`. */
  readonly file: string
  readonly user: Buffer
  readonly password: Buffer | undefined
}

export type Request = Invocation | 'help' | 'version'

const MODES: Record<string, Mode> = { c: 'create', n: 'print', D: 'delete', v: 'verify' }
const SCHEMES: Record<string, SchemeName> = {
  m: 'apr1',
  2: 'sha256-crypt',
  5: 'sha512-crypt',
  B: 'bcrypt',
  d: 'des-crypt',
  s: 'sha1',
  p: 'plain',
}

const LONG_MAX = 2n ** 63n - 1n
const MAX_STRING = 255
const MAX_PATH = 4095

/** @throws Exit for a command line that cannot be carried out */
export function parse(args: string[]): Request {
  const modes = new Set<Mode>()
  let scheme: SchemeName = 'apr1'
  let work = 0
  let source: Invocation['source'] = 'terminal'

  const command = new Command('htpasswd')
    .helpOption(false)
    .exitOverride()
    .configureOutput({ writeErr() {} })
  for (const [letter, mode] of Object.entries(MODES)) {
    command.option(`-${letter}`).on(`option:${letter}`, () => modes.add(mode))
  }
  for (const [letter, name] of Object.entries(SCHEMES)) {
    command.option(`-${letter}`).on(`option:${letter}`, () => {
      scheme = name
      if (name === 'plain') stderr(warnings.plain)
    })
  }
  for (const letter of ['C', 'r']) {
    command.option(`-${letter} <number>`).on(`option:${letter}`, (text: string) => {
      work = positiveInteger(text)
    })
  }
  command.option('-b').on('option:b', () => {
    source = 'argument'
  })
  command.option('-i').on('option:i', () => {
    source = 'input'
  })
  command.option('--help').option('--version').argument('[operands...]')

  const takesArgument = (letter: string) =>
    command.options.find((option) => option.short === `-${letter}`)?.required
  const { options, operands, wrong } = split(args, takesArgument)
  const unknown = options.find((arg) => arg.startsWith('--') && !command.options.some((o) => o.long === arg))
  if (unknown !== undefined) throw errors.unknownLongOption(unknown)

  command.parse([...options, '--', ...operands], { from: 'user' })
  const { help, version } = command.opts()
  if (help) return 'help'
  if (version) return 'version'
  if (wrong) {
    stderr(
      wrong.why === 'illegal' ? errors.illegalOption(wrong.letter) : errors.argumentMissing(wrong.letter),
    )
    throw usage()
  }

  if (modes.size > 1) throw errors.oneModeOnly()
  const [mode = 'update'] = modes
  const invocation = { mode, scheme, work: work || undefined, source, ...operandsOf(mode, source, operands) }
  refuseHarmful(invocation)
  return invocation
}

/** strtol(3) in a C int: white space, a sign, and what does not fit wraps around. */
function positiveInteger(text: string): number {
  const [, digits] = /^[ \t-\r]*([+-]?\d+)$/.exec(text) ?? []
  if (digits === undefined || BigInt(digits) <= 0n) throw errors.workNotPositive()
  const long = BigInt(digits) > LONG_MAX ? LONG_MAX : BigInt(digits)
  return Number(BigInt.asIntN(32, long))
}

function operandsOf(mode: Mode, source: Invocation['source'], operands: string[]) {
  const expected = (mode === 'print' ? 1 : 2) + (source === 'argument' ? 1 : 0)
  if (operands.length !== expected) throw usage()

  const file = mode === 'print' ? '' : (operands.shift() as string)
  if (Buffer.byteLength(file) > MAX_PATH) throw errors.fileNameTooLong()

  const [user, password] = rawArguments(operands) as [Buffer, Buffer?]
  if (user.length > MAX_STRING) throw errors.userTooLong()
  if (user.includes(':')) throw errors.badUser("username contains illegal character ':'")
  if (password && password.length > MAX_STRING) throw errors.passwordArgumentTooLong()
  return { file, user, password }
}

/** What Apache takes and would store as a record that harms. */
function refuseHarmful({ mode, scheme, work, user }: Invocation): void {
  if (mode === 'delete' || mode === 'verify') return
  const why = badUser(user)
  if (why) throw errors.badUser(why)
  const takesRounds = scheme === 'sha256-crypt' || scheme === 'sha512-crypt'
  if (takesRounds && work !== undefined && (work < MIN_ROUNDS || work > MAX_ROUNDS)) {
    throw errors.roundsOutOfRange(work)
  }
}

const usage = () => new Exit(ExitStatus.syntax, USAGE)

import { Command, CommanderError, Option } from 'commander'
import type { Minimum } from '../passwd-file/audit.js'
import { parseAlgorithm } from '../schemes/algorithm.js'
import { schemes } from '../schemes/index.js'
import { algorithmOptions, type Chosen, checkCost, checkRounds } from './algorithm.js'
import { SHELLS, TASK_OPTIONS, TASKS } from './manual.js'
import { complaints } from './many/messages.js'
import { LETTERS, syntax } from './options.js'
import { split } from './posix.js'

const TASK_NAMES = [
  'import',
  'remove',
  'verify-all',
  'list',
  'audit',
  'upgrade',
  'repair',
  'disable',
] as const
type Task = (typeof TASK_NAMES)[number]

/** A long command, with its files and options. */
export interface LongRequest {
  readonly task: Task
  /** The password file. */
  readonly file: string
  /** The path that lines are read from; `-` is standard input. */
  readonly input: string
  readonly create: boolean
  readonly algorithm: Chosen
  readonly encrypted: boolean
  readonly strict: boolean
  readonly json: boolean
  readonly sarif: boolean
  readonly minimum: Minimum | undefined
  /** The file's name in reports. */
  readonly name: string | undefined
  /** Line numbers, from 1. */
  readonly lines: readonly number[]
}

/** A text to print. */
export type TextRequest =
  | { readonly task: 'help' | 'version' }
  | { readonly task: 'completion'; readonly shell: (typeof SHELLS)[number] }

/** The tasks that each option applies to, except for the options that choose an algorithm. */
const GOES_WITH: Record<string, readonly Task[]> = {
  b: [],
  i: [],
  n: [],
  D: [],
  v: [],
  c: ['import'],
  encrypted: ['import'],
  strict: ['remove'],
  json: ['list', 'audit'],
  sarif: ['audit'],
  minimum: ['audit', 'upgrade'],
  name: ['audit'],
}
const ALGORITHM = ['m', '2', '5', 'B', 'd', 's', 'p', 'C', 'r']
const WITH_ARGUMENT = ['--minimum', '--completion', '--name', '--disable']
const TAKES_FILE: readonly Task[] = ['import', 'remove', 'verify-all']

/** @throws Exit for an invalid command line */
export function parseLong(args: string[]): LongRequest | TextRequest {
  const command = new Command('htpasswd')
    .helpOption(false)
    .exitOverride()
    .configureOutput({ writeErr() {} })
  for (const letter of 'cbinDv') command.option(`-${letter}`)
  const algorithm = algorithmOptions(command)
  for (const { flag } of TASKS) if (!WITH_ARGUMENT.includes(flag)) command.option(flag)
  command.option('--disable <lines>')
  command.addOption(new Option('--completion <shell>').choices(SHELLS))
  for (const { flag, argument } of TASK_OPTIONS) command.option(argument ? `${flag} <${argument}>` : flag)
  command.argument('[operands...]')

  const { options, operands, wrong } = split(args, LETTERS, WITH_ARGUMENT)
  const unknown = options.find(
    (word) => word.startsWith('--') && !command.options.some((o) => o.long === word),
  )
  if (unknown !== undefined) throw complaints.options(`unknown option ${unknown.replace(/=.*/s, '')}`)
  const last = options.at(-1) ?? ''
  if (WITH_ARGUMENT.includes(last)) throw complaints.options(`${last} requires an argument`)
  if (wrong) throw syntax(wrong)
  parseWith(command, [...options, '--', ...operands])
  const given = command.opts<Record<string, unknown>>()
  if (given.help) return { task: 'help' }
  if (given.version) return { task: 'version' }
  const shell = SHELLS.find((name) => name === given.completion)
  if (shell) return { task: 'completion', shell }

  const task = onlyTask(given)
  checkCombination(task, given)
  checkRounds(algorithm)
  checkCost(algorithm)
  const [file, input] = filesOf(task, operands)
  return {
    task,
    file,
    input,
    create: given.c === true,
    algorithm,
    encrypted: given.encrypted === true,
    strict: given.strict === true,
    json: given.json === true,
    sarif: given.sarif === true,
    minimum: typeof given.minimum === 'string' ? minimumOf(given.minimum) : undefined,
    name: typeof given.name === 'string' ? given.name : undefined,
    lines: typeof given.disable === 'string' ? linesOf(given.disable) : [],
  }
}

function parseWith(command: Command, words: string[]): void {
  try {
    command.parse(words, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) throw complaints.options(error.message.replace(/^error: |\.$/g, ''))
    throw error
  }
}

const camel = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

function onlyTask(given: Record<string, unknown>): Task {
  const [task, other] = TASK_NAMES.filter((name) => given[camel(name)])
  if (task === undefined) throw complaints.noTask(TASK_NAMES.map((name) => `--${name}`))
  if (other !== undefined) throw complaints.options(`--${task} and --${other} cannot be used together`)
  return task
}

/** @throws Exit for an option that the task would ignore */
function checkCombination(task: Task, given: Record<string, unknown>): void {
  for (const [option, tasks] of Object.entries(GOES_WITH)) {
    if (given[option] && !tasks.includes(task)) throw complaints.conflict(option, task)
  }
  for (const letter of ALGORITHM) {
    const useless = task !== 'import' || given.encrypted
    if (given[letter] && useless) throw complaints.conflict(letter, given.encrypted ? 'encrypted' : task)
  }
  if (given.json && given.sarif) throw complaints.options('--json and --sarif cannot be used together')
}

function filesOf(task: Task, operands: string[]): [file: string, input: string] {
  const [first, second, ...more] = operands
  const most = TAKES_FILE.includes(task) ? 2 : 1
  if (first === undefined || more.length > 0 || operands.length > most) {
    throw complaints.options(`--${task} takes ${most === 2 ? '[FILE] passwordfile' : 'passwordfile'}`)
  }
  return second === undefined ? [first, '-'] : [second, first]
}

function linesOf(text: string): number[] {
  if (!/^[1-9]\d{0,8}(,[1-9]\d{0,8})*$/.test(text))
    throw complaints.options(`${text} is not a list of line numbers, such as 3,14`)
  return text.split(',').map(Number)
}

function minimumOf(text: string): Minimum {
  const minimum = parseAlgorithm(text)
  if (minimum) return minimum
  throw complaints.minimum(
    text,
    schemes.map(({ name }) => name),
  )
}

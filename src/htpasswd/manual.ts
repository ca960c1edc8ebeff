import { schemeNamed, schemes, type WorkFactor } from '../schemes/index.js'

// The options and what they do. --help, the manual page and the completions are generated from these lists.

export interface Option {
  readonly flag: string
  readonly argument?: string
  /** The values of the argument, or what they start with. */
  readonly choices?: readonly string[]
  readonly text: string
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const

const range = ({ min, max, default: value }: WorkFactor) => `${min} to ${max} (default ${value})`
const { bcrypt, sha512 } = { bcrypt: schemeNamed('bcrypt').work, sha512: schemeNamed('sha512-crypt').work }

export const SHORT_OPTIONS: readonly Option[] = [
  { flag: '-c', text: 'Create the password file. An existing file is overwritten.' },
  { flag: '-n', text: 'Print the record on standard output instead of writing a file.' },
  { flag: '-b', text: 'Take the password from the command line, where ps(1) can show it to other users.' },
  { flag: '-i', text: 'Read the password from standard input, once (for scripts).' },
  { flag: '-m', text: "Hash with apr1, Apache's MD5. The default, as in Apache's htpasswd." },
  { flag: '-2', text: 'Hash with SHA-256-crypt.' },
  { flag: '-5', text: 'Hash with SHA-512-crypt.' },
  { flag: '-B', text: 'Hash with bcrypt (recommended).' },
  {
    flag: '-C',
    argument: 'cost',
    text: `Cost of bcrypt, ${bcrypt && range(bcrypt)}. Each step doubles the time. ${bcrypt?.recommended} or more is recommended.`,
  },
  {
    flag: '-r',
    argument: 'rounds',
    text: `Rounds of SHA-256-crypt and SHA-512-crypt, ${sha512 && range(sha512)}.`,
  },
  { flag: '-d', text: 'Hash with DES crypt, which uses only eight characters. Insecure.' },
  { flag: '-s', text: 'Hash with SHA-1 without a salt. Insecure.' },
  { flag: '-p', text: 'Store the password itself. Insecure; servers on Unix reject such records.' },
  { flag: '-D', text: 'Delete the user.' },
  { flag: '-v', text: "Verify the user's password." },
]

/** Long commands, for many users or the whole file. */
export const TASKS: readonly Option[] = [
  {
    flag: '--import',
    argument: '[FILE] passwordfile',
    text: 'Add or update users from lines of user:password, all or none.',
  },
  {
    flag: '--remove',
    argument: '[FILE] passwordfile',
    text: 'Delete the users in a list, one name per line.',
  },
  {
    flag: '--verify-all',
    argument: '[FILE] passwordfile',
    text: 'Verify lines of user:password. Exit status 3 if any is wrong.',
  },
  { flag: '--list', argument: 'passwordfile', text: 'List users with scheme and cost.' },
  {
    flag: '--audit',
    argument: 'passwordfile',
    text: 'Report weak and broken records, each with a fix. Exit status 1 on any finding.',
  },
  {
    flag: '--upgrade',
    argument: 'passwordfile',
    text: 'List users who must set a new password. Exit status 1 if there are any.',
  },
  {
    flag: '--repair',
    argument: 'passwordfile',
    text: 'Convert UTF-16 to UTF-8, and remove byte-order marks, white space and quotes that keep users out.',
  },
  {
    flag: '--disable',
    argument: 'lines passwordfile',
    text: 'Comment out lines, given by number (3,14).',
  },
  {
    flag: '--completion',
    argument: 'shell',
    choices: SHELLS,
    text: 'Print completions for bash, zsh or fish.',
  },
  { flag: '--help', text: 'Print this help.' },
  { flag: '--version', text: 'Print the version.' },
]

/** Options of the long commands. */
export const TASK_OPTIONS: readonly Option[] = [
  { flag: '--encrypted', text: 'With --import: the lines are user:hash.' },
  { flag: '--strict', text: 'With --remove: if a user does not exist, fail and change nothing.' },
  {
    flag: '--minimum',
    argument: 'scheme[:n]',
    choices: schemes.map(({ name }) => name),
    text: 'With --audit and --upgrade: weakest scheme to accept, and its lowest cost or rounds.',
  },
  {
    flag: '--name',
    argument: 'file',
    text: 'With --audit -: name of the file in the report and its fixes.',
  },
  { flag: '--json', text: 'With --list and --audit: print JSON.' },
  { flag: '--sarif', text: 'With --audit: print SARIF 2.1.0, for code scanning.' },
]

// The one source of the texts on options: --help, the manual page and the shells' completions are made from it.

export interface Option {
  readonly flag: string
  readonly argument?: string
  readonly text: string
}

export const SHORT_OPTIONS: readonly Option[] = [
  { flag: '-c', text: 'Create the password file; one that exists is emptied first.' },
  { flag: '-n', text: 'Print the record on standard output, and leave files alone.' },
  { flag: '-b', text: 'Take the password from the command line, where `ps` may show it.' },
  { flag: '-i', text: 'Read the password from standard input, without asking twice; for scripts.' },
  { flag: '-m', text: "Hash by apr1, Apache's MD5 (the default, as it is Apache's)." },
  { flag: '-2', text: 'Hash by SHA-256-crypt.' },
  { flag: '-5', text: 'Hash by SHA-512-crypt.' },
  { flag: '-B', text: 'Hash by bcrypt, the best of these.' },
  {
    flag: '-C',
    argument: 'cost',
    text: "bcrypt's cost, 4 to 17 (default 5); each step doubles the time. 10 or more is advised.",
  },
  {
    flag: '-r',
    argument: 'rounds',
    text: 'Rounds of SHA-256-crypt and SHA-512-crypt, 1000 to 999999999 (default 5000).',
  },
  { flag: '-d', text: 'Hash by DES crypt: eight characters count, insecure.' },
  { flag: '-s', text: 'Hash by SHA-1 without a salt, insecure.' },
  { flag: '-p', text: 'Store the password as it is: insecure, and no server on Unix takes it.' },
  { flag: '-D', text: 'Delete the user.' },
  { flag: '-v', text: "Verify the user's password." },
]

/** What takes the place of the user: options that work on many users, or on the whole file. */
export const TASKS: readonly Option[] = [
  {
    flag: '--import',
    argument: '[FILE] passwordfile',
    text: 'Add or update the users of lines user:password, all of them or none.',
  },
  { flag: '--remove', argument: '[FILE] passwordfile', text: 'Delete the users that stand one a line.' },
  {
    flag: '--verify-all',
    argument: '[FILE] passwordfile',
    text: 'Verify lines user:password; status 3 if any is wrong.',
  },
  { flag: '--list', argument: 'passwordfile', text: 'Show each user with scheme and cost.' },
  {
    flag: '--audit',
    argument: 'passwordfile',
    text: 'Find weak and broken records; status 1 if there are any.',
  },
  {
    flag: '--upgrade',
    argument: 'passwordfile',
    text: 'Name the users who must set a new password; status 1 if any.',
  },
  {
    flag: '--repair',
    argument: 'passwordfile',
    text: 'Remove byte-order marks, UTF-16, and white space and quotes around records.',
  },
  {
    flag: '--disable',
    argument: 'lines passwordfile',
    text: 'Turn the lines with these numbers, such as 3,14, into comments.',
  },
  { flag: '--completion', argument: 'shell', text: 'Print completions for bash, zsh or fish.' },
  { flag: '--help', text: 'Show this text.' },
  { flag: '--version', text: 'Show the version.' },
]

/** Options to those. */
export const TASK_OPTIONS: readonly Option[] = [
  { flag: '--encrypted', text: 'With --import: the lines hold hashes, not passwords.' },
  { flag: '--strict', text: 'With --remove: a user who is not there is an error, and nothing is deleted.' },
  {
    flag: '--minimum',
    argument: 'scheme[:n]',
    text: 'With --audit and --upgrade: the weakest scheme that passes, and its least cost or rounds.',
  },
  {
    flag: '--name',
    argument: 'file',
    text: 'With --audit -: the name of the file in the report and its fixes.',
  },
  { flag: '--json', text: 'With --list and --audit: print JSON.' },
  { flag: '--sarif', text: 'With --audit: print SARIF 2.1.0, for code scanning.' },
]

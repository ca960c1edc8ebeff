/** The statuses of Apache's htpasswd (manual page; passwd_common.h for 9), and the shell's for Ctrl-C. */
export const ExitStatus = {
  ok: 0,
  file: 1,
  syntax: 2,
  mismatch: 3,
  tooLong: 5,
  badUser: 6,
  invalidFile: 7,
  general: 9,
  interrupted: 130,
} as const

export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus]

/** Ends the command. `output` goes to standard error unchanged. */
export class Exit extends Error {
  override readonly name = 'Exit'
  constructor(
    readonly status: ExitStatus,
    readonly output: Bytes = '',
  ) {
    super()
  }
}

/** Compares by name, since each bundle has its own copy of the class. */
export const isExit = (error: unknown): error is Exit => error instanceof Error && error.name === 'Exit'

/** Text, or bytes in any encoding, since names are printed exactly as given. */
export type Bytes = string | Buffer

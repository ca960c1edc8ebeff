/** 0: stopped by a signal. 1: a file, certificate or address cannot be used. 2: invalid command line. */
export const ExitStatus = { ok: 0, failed: 1, usage: 2 } as const

/** One of the above, or the status of the guarded command. */
export type ExitStatus = number

/** Ends the command. `message`, from messages.ts, goes to standard error. */
export class Exit extends Error {
  override readonly name = 'Exit'
  constructor(
    readonly status: ExitStatus,
    message: string,
  ) {
    super(message)
  }
}

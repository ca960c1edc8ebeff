/** 0 when stopped by a signal, 1 for a file, certificate or address that cannot be used, 2 for an invalid command line. */
export const ExitStatus = { ok: 0, failed: 1, usage: 2 } as const

/** One of these, or the status of the guarded command. */
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

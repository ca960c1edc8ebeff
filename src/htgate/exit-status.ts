/** 0 after a signal that ends it; 1 for what the machine refuses; 2 for a command line that makes no sense. */
export const ExitStatus = { ok: 0, failed: 1, usage: 2 } as const

/** One of these, or the status of the guarded command. */
export type ExitStatus = number

/** Ends the command: `message`, which is in messages.ts, goes to standard error. */
export class Exit extends Error {
  override readonly name = 'Exit'
  constructor(
    readonly status: ExitStatus,
    message: string,
  ) {
    super(message)
  }
}

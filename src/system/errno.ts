/** Whether `error` is a system error with one of these codes, `ENOENT` and the like. */
export function isErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '')
}

/** Does it if that is possible; for what is worth a try and no error. */
export function attempt(action: () => void): void {
  try {
    action()
  } catch {
    // As it says.
  }
}

/** What went wrong, in words: Node's own message is `ENOSPC: no space left on device, write`. */
export function reason(error: Error): string {
  return /^[A-Z0-9]+: (.*?), /.exec(error.message)?.[1] ?? error.message
}

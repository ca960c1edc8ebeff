/** Whether `error` is a system error with one of these codes, such as `ENOENT`. */
export function isErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '')
}

/** Calls a function, and ignores errors. */
export function attempt(action: () => void): void {
  try {
    action()
  } catch {
    // Ignored on purpose.
  }
}

/** The system's description of an error, without the rest of Node's message: `ENOSPC: no space left on device, write`. */
export function reason(error: Error): string {
  return /^[A-Z0-9]+: (.*?), /.exec(error.message)?.[1] ?? error.message
}

/** Whether `error` is a system error with one of these codes, `ENOENT` and the like. */
export function isErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '')
}

/** Does it, and passes over the errors that are expected. */
export function unless(codes: readonly string[], action: () => void): void {
  try {
    action()
  } catch (error) {
    if (!isErrno(error, ...codes)) throw error
  }
}

/** Whether `error` is a system error with one of these codes, `ENOENT` and the like. */
export function isErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '')
}

/** For `catch`: passes over the errors that are expected there, and throws any other. */
export function unlessErrno(...codes: string[]): (error: unknown) => void {
  return (error) => {
    if (!isErrno(error, ...codes)) throw error
  }
}

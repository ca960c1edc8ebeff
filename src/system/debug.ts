/** If set, unexpected errors are reported with their stack. */
export const DEBUG_VARIABLE = 'HTGATE_DEBUG'

const isDebugging = (): boolean => Boolean(process.env[DEBUG_VARIABLE])

/** What to print about an unexpected error. */
export function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return (isDebugging() ? error.stack : undefined) ?? error.message
}

/** How to learn more about an unexpected error; undefined if `detailOf` says all. */
export const debugHint = (): string | undefined =>
  isDebugging() ? undefined : `${DEBUG_VARIABLE}=1 prints the stack`

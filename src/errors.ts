/** What went wrong, for a program to switch on. */
export type ErrorCode =
  /** An option of a call is missing, of the wrong type or out of range; the message names it. */
  | 'ERR_OPTION'
  /** A name that no record can be written for. */
  | 'ERR_USER'
  /** A password that cannot be hashed as asked. */
  | 'ERR_PASSWORD'
  /** The password file does not exist. */
  | 'ERR_FILE_MISSING'
  /** This process may not read, or not replace, the password file. */
  | 'ERR_FILE_ACCESS'
  /** What is there is no file: a folder, for one. */
  | 'ERR_FILE_TYPE'
  /** Another process has held the lock for a minute. */
  | 'ERR_FILE_LOCKED'
  /** Anything else that the system says: a full disk, for one. `cause` has its error. */
  | 'ERR_FILE_SYSTEM'
  /** The authenticator was closed. */
  | 'ERR_CLOSED'

/** The only class of error that the library throws on purpose. */
export class HtgateError extends Error {
  override readonly name = 'HtgateError'
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

const FILE_CODES: Record<string, ErrorCode> = {
  ENOENT: 'ERR_FILE_MISSING',
  EACCES: 'ERR_FILE_ACCESS',
  EPERM: 'ERR_FILE_ACCESS',
  EROFS: 'ERR_FILE_ACCESS',
  EISDIR: 'ERR_FILE_TYPE',
  ENOTDIR: 'ERR_FILE_TYPE',
}

const WORDS: Partial<Record<ErrorCode, string>> = {
  ERR_FILE_MISSING: 'does not exist',
  ERR_FILE_TYPE: 'is not a file',
}

/** What a failed use of the password file at `path` is to a user of the library. */
export function fileError(path: string, verb: 'read' | 'update', error: Error): Error {
  if (error instanceof HtgateError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (error.name === 'LockedError') {
    return new HtgateError('ERR_FILE_LOCKED', `cannot ${verb} ${path}: ${message}`, { cause: error })
  }
  if (code === undefined) return error
  const known = FILE_CODES[code] ?? 'ERR_FILE_SYSTEM'
  const words = WORDS[known] ? `it ${WORDS[known]}` : (/^[A-Z0-9]+: (.*?), /.exec(message)?.[1] ?? message)
  return new HtgateError(known, `cannot ${verb} ${path}: ${words}`, { cause: error })
}

import { reason } from './system/errno.js'

/** Error codes, for programs. */
export type ErrorCode =
  /** An option of a call is missing, of the wrong type or out of range; the message names it. */
  | 'ERR_OPTION'
  /** A user name that cannot be stored in a record. */
  | 'ERR_USER'
  /** A password that cannot be hashed with the scheme. */
  | 'ERR_PASSWORD'
  /** The file does not exist. */
  | 'ERR_FILE_MISSING'
  /** This process may not read or replace the file. */
  | 'ERR_FILE_ACCESS'
  /** It is not a regular file, but a folder, for example. */
  | 'ERR_FILE_TYPE'
  /** Another process has held the lock for a minute. */
  | 'ERR_FILE_LOCKED'
  /** Any other system error, such as a full disk, which is the `cause`. */
  | 'ERR_FILE_SYSTEM'
  /** The authenticator was closed. */
  | 'ERR_CLOSED'

/**
 * The only class of error that the library throws on purpose.
 *
 * @example
 * await openPasswordFile('none').catch((error) => error.code) // → 'ERR_FILE_MISSING'
 */
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

const FILE_CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'ERR_FILE_MISSING',
  EACCES: 'ERR_FILE_ACCESS',
  EPERM: 'ERR_FILE_ACCESS',
  EROFS: 'ERR_FILE_ACCESS',
  EISDIR: 'ERR_FILE_TYPE',
}

const WORDS: Readonly<Partial<Record<ErrorCode, string>>> = {
  ERR_FILE_MISSING: 'it does not exist',
  ERR_FILE_TYPE: 'it is not a file',
}

/** The library's error for a failed use of the file at `path`. */
export function fileError(path: string, verb: 'read' | 'update', error: Error): HtgateError {
  if (error instanceof HtgateError) return error
  const isLocked = error.name === 'LockedError'
  const code = isLocked ? 'ERR_FILE_LOCKED' : (FILE_CODES[codeOf(error)] ?? 'ERR_FILE_SYSTEM')
  return new HtgateError(code, `cannot ${verb} ${path}: ${WORDS[code] ?? reason(error)}`, { cause: error })
}

const codeOf = (error: NodeJS.ErrnoException): string => error.code ?? ''

import { accessSync, closeSync, constants, lstatSync, openSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { followLinks } from '../system/links.js'
import { errors } from './messages.js'
import type { Invocation } from './options.js'

/**
 * Finds out, before anybody is asked for a password, whether the file can be used as the command line wants it.
 * @throws Exit if not
 */
export function checkAccess({ file, mode }: Pick<Invocation, 'file' | 'mode'>): void {
  if (statOf(file)?.isFile()) {
    if (mode === 'verify' && !canOpen(file, constants.O_RDONLY)) throw errors.cannotRead(file)
    if (mode !== 'verify' && !canOpen(file, constants.O_RDWR)) throw errors.cannotReadAndWrite(file)
    return
  }
  if (mode !== 'create') throw errors.missing(file)
  if (!canCreate(file)) throw errors.cannotCreate(file)
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

function canOpen(path: string, flags: number): boolean {
  try {
    closeSync(openSync(path, flags))
    return true
  } catch {
    return false
  }
}

/** Without creating it, as Apache's does, which leaves an empty file if the command fails later. */
function canCreate(path: string): boolean {
  const existing = statOf(path)
  if (existing) return !existing.isDirectory() && canOpen(path, constants.O_WRONLY | constants.O_NONBLOCK)
  if (path === '' || path.endsWith('/')) return false
  try {
    const target = followLinks(path)
    accessSync(dirname(target), constants.W_OK | constants.X_OK)
    // Undefined if it doesn't exist; throws if it can't, for a name that is too long.
    lstatSync(target, { throwIfNoEntry: false })
    return true
  } catch {
    return false
  }
}

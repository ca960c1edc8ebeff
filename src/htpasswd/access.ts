import { accessSync, closeSync, constants, openSync, type Stats, statSync } from 'node:fs'
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

/** Looks, and leaves nothing: Apache's way, to create the file and see, leaves an empty one when all then fails. */
function canCreate(path: string): boolean {
  const existing = statOf(path)
  if (existing) return !existing.isDirectory() && canOpen(path, constants.O_WRONLY | constants.O_NONBLOCK)
  if (path === '' || path.endsWith('/')) return false
  try {
    const target = followLinks(path)
    accessSync(dirname(target), constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

import { accessSync, closeSync, constants, lstatSync, openSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { followLinks } from '../system/links.js'
import { errors } from './messages.js'
import type { Invocation } from './options.js'

/**
 * Checks, before any password prompt, that the file can be opened or created as the command requires.
 * @throws Exit if it cannot
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

/** Checks without creating the file. Apache's creates it, and leaves it empty if the command fails later. */
function canCreate(path: string): boolean {
  const existing = statOf(path)
  if (existing) return !existing.isDirectory() && canOpen(path, constants.O_WRONLY | constants.O_NONBLOCK)
  if (path === '' || path.endsWith('/')) return false
  try {
    const target = followLinks(path)
    accessSync(dirname(target), constants.W_OK | constants.X_OK)
    // Throws if the path cannot exist, for example because a name is too long.
    lstatSync(target, { throwIfNoEntry: false })
    return true
  } catch {
    return false
  }
}

import { readFileSync, type Stats, statSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { attempt, isErrno } from '../../system/errno.js'
import { followLinks } from '../../system/links.js'
import type { Pieces } from '../records.js'
import { type Lock, lock } from './lock.js'
import { copyOf, replaceFile, writeToDevice } from './replace.js'

// The only place where password files are written: lock, read, edit, replace, unlock. Readers never lock.

/** From the content to the new one; undefined to leave the file as it is. What it throws leaves the file as it is, too. */
export type Edit = (content: Buffer) => Pieces | undefined

export interface UpdateOptions {
  /**
   * Start from nothing, whether or not the file exists; or if it does not. Default false: a file that is missing is an
   * error.
   */
  readonly create?: boolean | 'if-missing'
}

/**
 * Edits the file at `path` (symbolic links are followed), one process at a time.
 * @throws LockedError, what `edit` throws, or a system error: the file is then as it was; PartlyWrittenError
 */
export async function update(
  path: string,
  edit: Edit,
  { create = false }: UpdateOptions = {},
): Promise<void> {
  // A pipe is no place in the file system, though /dev/stdout leads there.
  if (statOf(path)?.isFile() === false) return writeToDevice(path, edit(Buffer.alloc(0)) ?? [])

  const target = followLinks(path)
  const held = await lockFor(target)
  try {
    const left = copyLeft(target)
    const isNew = create === true || (create === 'if-missing' && !statOf(target))
    const content = isNew ? Buffer.alloc(0) : readFileSync(left?.isNeeded ? left.path : target)
    const pieces = edit(content) ?? (left?.isNeeded ? [content] : undefined)
    if (pieces) await replaceFile(target, pieces, statOf(target), held.staging)
    if (left) attempt(() => unlinkSync(left.path))
  } finally {
    held.release()
  }
}

/**
 * The complete copy that a process left when it was killed while it wrote in place.
 * It is not needed where the file was not touched yet, or edited since.
 */
function copyLeft(target: string): { path: string; isNeeded: boolean } | undefined {
  const path = copyOf(target)
  const [file, copy] = [statOf(target), statOf(path)]
  return copy && { path, isNeeded: file !== undefined && Math.abs(file.mtimeMs - copy.mtimeMs) < 60_000 }
}

interface FileLock extends Lock {
  /** Where a new file can be made that can be renamed into the old one's place. */
  readonly staging?: string
}

/**
 * Beside the file; where nothing can be made there, in the folder for temporary files, to which no hash is written.
 * Those who lock at one place do not wait for those at the other: that would let anybody hold up everybody.
 */
async function lockFor(target: string): Promise<FileLock> {
  try {
    const held = await lock(`${target}.lock`)
    return { ...held, staging: held.entry }
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ENAMETOOLONG') || !statOf(target)) throw error
    const name = Buffer.from(target).toString('base64url').slice(-100)
    return lock(join(tmpdir(), `htpasswd-${name}.lock`))
  }
}

/** Undefined where there is nothing. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (isErrno(error, 'ENAMETOOLONG')) return undefined
    throw error
  }
}

import { readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isErrno } from './errno.js'
import { followLinks } from './links.js'
import { type Lock, lock } from './lock.js'
import type { Pieces } from './records.js'
import { copyOf, replaceFile, writeToDevice } from './write.js'

// The only place where password files are written: lock, read, edit, replace, unlock. Readers never lock.

/** From the content to the new one; undefined to leave the file as it is. What it throws leaves the file as it is, too. */
export type Edit = (content: Buffer) => Pieces | undefined

export interface UpdateOptions {
  /** Start from nothing, whether or not the file exists. Default false: a file that is missing is an error. */
  readonly create?: boolean
}

/**
 * Edits the file at `path` (symbolic links are followed), one process at a time.
 * @throws LockedError, what `edit` throws, or a system error; the file is then as it was
 */
export async function update(
  path: string,
  edit: Edit,
  { create = false }: UpdateOptions = {},
): Promise<void> {
  const target = followLinks(path)
  if (statOf(target)?.isFile() === false) return writeToDevice(target, edit(Buffer.alloc(0)) ?? [])

  const held = await lockFor(target)
  try {
    const pieces = edit(create ? Buffer.alloc(0) : currentContent(target))
    if (pieces) await replaceFile(target, pieces, statOf(target), held)
  } finally {
    held.release()
  }
}

/**
 * The content, or the complete copy that a process left when it was killed while it wrote in place.
 * A file that was edited since then is taken as it is.
 */
function currentContent(target: string): Buffer {
  const copy = copyOf(target)
  const left = statOf(copy)
  const interrupted = left && left.size > 0 && Math.abs(statSync(target).mtimeMs - left.mtimeMs) < 60_000
  return readFileSync(interrupted ? copy : target)
}

/** Beside the file; where nothing can be made there, in the folder for temporary files. */
async function lockFor(target: string): Promise<Lock> {
  try {
    return await lock(`${target}.lock`)
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS') || !statOf(target)) throw error
    const name = Buffer.from(target).toString('base64url').slice(-100)
    return lock(join(tmpdir(), `htpasswd-${name}.lock`))
  }
}

const statOf = (path: string) => statSync(path, { throwIfNoEntry: false })

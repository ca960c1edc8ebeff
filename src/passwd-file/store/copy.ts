import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, isErrno } from '../../system/errno.js'
import { type Folder, NO_FOLLOW } from '../../system/folder.js'
import { isSelfOrRoot, userName } from '../../system/users.js'
import { Entry } from './entry.js'
import { type Lock, sweep } from './lock.js'
import { isSafe, mayWrite } from './trust.js'

// A process that is killed while it writes a file in place leaves the complete content in its lock entry, a folder that only
// its user can write. That proves who made the copy; the entry's name tells for which file.

/** The copy is not needed if the file has been edited since. */
const NOT_EDITED_SINCE_MS = 60_000

export interface LeftCopy {
  /** The intended content of the file; undefined if the file is newer. */
  readonly content: Buffer | undefined
  /** Removes the copy, once the file is complete. */
  remove(): void
}

/**
 * Finds copies left by processes that were writing `file` in place.
 * @param isNew whether the file will be overwritten, so that its content does not matter
 * @throws a system error if root or the file's owner left a copy that this user cannot read
 */
export function copyLeft(held: Lock, folder: Folder, name: string, file: Stats, isNew: boolean): LeftCopy {
  const toRemove: (() => void)[] = []
  let content: Buffer | undefined
  for (const copy of held.copies()) {
    if (!mayWrite(copy.uid, file)) continue
    const entry = Entry.open(folder, copy.name)
    if (entry === undefined) {
      if (!isNew && copy.inode === file.ino && (copy.uid === 0 || copy.uid === file.uid)) {
        throw unreadable(join(folder.path, copy.name), copy.uid)
      }
      continue
    }
    if (copy.inode === file.ino) {
      const left = open(entry.staged, ({ uid }) => uid === entry.uid)
      if (left) content ??= contentOf(left, file)
    }
    entry.abandon()
    toRemove.push(() => sweep(folder, copy.name))
  }
  if (isSafe(folder.stat)) {
    // The path that htgate 0.1 used. Only in such folders can no other user have put it there.
    const path = folder.at(`${name}.htpasswd-copy`)
    const left = open(
      path,
      ({ uid, mode }) => (isSelfOrRoot(uid) || uid === file.uid) && (mode & 0o022) === 0,
    )
    if (left) {
      content ??= contentOf(left, file)
      toRemove.push(() => attempt(() => unlinkSync(path)))
    }
  }
  return {
    content,
    remove: () => {
      for (const remove of toRemove) remove()
    },
  }
}

/** Opens a regular file with a single name that `isOurs`; undefined if there is none. */
function open(path: string, isOurs: (stat: Stats) => boolean): number | undefined {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | NO_FOLLOW)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP', 'EACCES', 'EPERM', 'ENXIO', 'ENAMETOOLONG')) return undefined
    throw error
  }
  const stat = fstatSync(fd)
  if (stat.isFile() && stat.nlink === 1 && isOurs(stat)) return fd
  closeSync(fd)
  return undefined
}

function contentOf(fd: number, file: Stats): Buffer | undefined {
  try {
    const isNeeded = Math.abs(file.mtimeMs - fstatSync(fd).mtimeMs) < NOT_EDITED_SINCE_MS
    return isNeeded ? readFileSync(fd) : undefined
  } finally {
    closeSync(fd)
  }
}

const unreadable = (path: string, uid: number): Error =>
  Object.assign(
    new Error(
      `${userName(uid)} was interrupted while writing it, and the complete content is in ${path}; ${userName(uid)} must edit the file once`,
    ),
    { code: 'EACCES' },
  )

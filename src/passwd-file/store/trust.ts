import { type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Folder } from '../../system/folder.js'
import { isSelfOrRoot, ownUid } from '../../system/users.js'

// Whose files to trust. A file in a folder may belong to any user, and in some folders any user may replace it.

/** Whether a user may edit the file, and so may hold its lock. */
export function mayEdit(uid: number, file: Stats | undefined): boolean {
  return isSelfOrRoot(uid) || (file !== undefined && (uid === file.uid || (file.mode & 0o022) !== 0))
}

/** Whether a user can write the file anyway, so that a copy that they left is no risk. */
export function mayWrite(uid: number, file: Stats): boolean {
  return isSelfOrRoot(uid) || uid === file.uid || (file.mode & 0o002) !== 0
}

/** Whether other users can neither remove nor replace this user's files in the folder: it is private, or sticky. */
export function isSafe({ uid, mode }: Stats): boolean {
  return ownUid() === undefined || (isSelfOrRoot(uid) && ((mode & 0o022) === 0 || isSticky(mode)))
}

/** Whether others may create files in the folder, but not remove those of this user. */
export const isSharedAndSticky = ({ mode }: Stats): boolean => isSticky(mode) && (mode & 0o022) !== 0

const isSticky = (mode: number): boolean => (mode & 0o1000) !== 0

/** Whether a name in the folder refers to the same file each time it is used. */
export function isSteady(folder: Folder): boolean {
  if (folder.pinned || ownUid() === undefined) return true
  for (let path = folder.path; ; path = dirname(path)) {
    if (!isSafe(statSync(path))) return false
    if (path === dirname(path)) return true
  }
}

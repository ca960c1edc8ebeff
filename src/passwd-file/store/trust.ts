import { type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Folder } from '../../system/folder.js'
import { isSelfOrRoot, ownUid } from '../../system/users.js'

// Whose files are believed. What lies in a folder may be anybody's, and in some folders anybody may exchange it.

/** Whether the user may be one who edits the file, and so whether his lock counts. */
export function mayEdit(uid: number, file: Stats | undefined): boolean {
  return isSelfOrRoot(uid) || (file !== undefined && (uid === file.uid || (file.mode & 0o022) !== 0))
}

/** Whether the user certainly may write the file: it loses nothing by a complete copy that he left. */
export function mayWrite(uid: number, file: Stats): boolean {
  return isSelfOrRoot(uid) || uid === file.uid || (file.mode & 0o002) !== 0
}

/** Whether other users can neither remove nor exchange what is this user's in the folder: it is private, or sticky. */
export function isSafe({ uid, mode }: Stats): boolean {
  return ownUid() === undefined || (isSelfOrRoot(uid) && ((mode & 0o022) === 0 || isSticky(mode)))
}

/** Whether others may create files in the folder, but not remove those of this user. */
export const isSharedAndSticky = ({ mode }: Stats): boolean => isSticky(mode) && (mode & 0o022) !== 0

const isSticky = (mode: number): boolean => (mode & 0o1000) !== 0

/** Whether a name in the folder stays what it is between two uses of it. */
export function isSteady(folder: Folder): boolean {
  if (folder.pinned || ownUid() === undefined) return true
  for (let path = folder.path; ; path = dirname(path)) {
    if (!isSafe(statSync(path))) return false
    if (path === dirname(path)) return true
  }
}

import { closeSync, fsyncSync, renameSync } from 'node:fs'
import { attempt, isErrno } from '../../system/errno.js'
import type { Folder } from '../../system/folder.js'
import type { Pieces } from '../records.js'
import type { Entry } from './entry.js'
import { markPlain } from './plain.js'
import { type OpenFile, type Staged, stage } from './stage.js'
import { PartlyWrittenError, writeInPlace } from './write.js'

export interface Target {
  readonly folder: Folder
  readonly name: string
  /** Undefined for a new file. */
  readonly file: OpenFile | undefined
  /** The entry to create the new file in, beside the old one; undefined if that is not possible. */
  readonly entry: Entry | undefined
  /** See UpdateOptions. */
  readonly alone: boolean
}

/**
 * Replaces the file's content, so that at any moment either the old or the new content is there, whatever fails. If the file
 * cannot be replaced by rename, it is written in place, with a complete copy in the entry meanwhile.
 */
export async function replaceFile(
  { folder, name, file, entry, alone }: Target,
  pieces: Pieces,
): Promise<void> {
  const path = folder.at(name)
  if (entry === undefined) {
    if (file === undefined) throw Object.assign(new Error('permission denied'), { code: 'EACCES' })
    return writeInPlace(path, file.stat, pieces)
  }
  const staged = await stage(entry.staged, pieces, file, alone)
  try {
    if (rename(staged, entry, path)) {
      if (staged.isPlain) attempt(() => markPlain(staged.fd))
      return syncFolder(folder)
    }
    if (file === undefined) throw Object.assign(new Error('permission denied'), { code: 'EACCES' })
    markAsCopy(entry, file.stat.ino)
    writeInPlace(path, file.stat, pieces)
  } catch (error) {
    if (error instanceof PartlyWrittenError) entry.abandon()
    throw error
  } finally {
    closeSync(staged.fd)
  }
}

/** Renames the new file over the old one. False if that is not possible, as for a single file mounted into a container. */
function rename(staged: Staged, entry: Entry, path: string): boolean {
  if (!staged.canReplace) return false
  try {
    renameSync(entry.staged, path)
    return true
  } catch (error) {
    if (isErrno(error, 'EBUSY', 'EXDEV', 'EPERM', 'EACCES')) return false
    throw error
  }
}

/** @throws a system error if the entry is gone: another process took this one for dead, and may have edited the file */
function markAsCopy(entry: Entry, inode: number): void {
  try {
    entry.markAsCopyOf(inode)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw error
  }
}

/** Flushes the folder, so that the rename survives a power failure. Errors are ignored, since the new file is in place. */
function syncFolder({ fd }: Folder): void {
  if (fd !== undefined) attempt(() => fsyncSync(fd))
}

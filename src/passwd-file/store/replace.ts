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
  /** Undefined for a file that is yet to be. */
  readonly file: OpenFile | undefined
  /** Where the new file is made, beside the old one; undefined where that cannot be done. */
  readonly entry: Entry | undefined
  /** See UpdateOptions. */
  readonly alone: boolean
}

/**
 * Gives the file its new content: the old one or the new one is there at any moment, whatever fails.
 * Where the file cannot be replaced by rename, it is written in place, and a complete copy lies in the entry meanwhile.
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
    attempt(() => entry.markAsCopyOf(file.stat.ino))
    writeInPlace(path, file.stat, pieces)
  } catch (error) {
    if (error instanceof PartlyWrittenError) entry.abandon()
    throw error
  } finally {
    closeSync(staged.fd)
  }
}

/** False where that cannot be done. A single file that is mounted into a container is such a case. */
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

/** So that the rename itself survives a power failure; the new file is there even where that is not to be had. */
function syncFolder({ fd }: Folder): void {
  if (fd !== undefined) attempt(() => fsyncSync(fd))
}

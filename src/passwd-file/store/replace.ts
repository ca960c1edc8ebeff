import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { attempt, isErrno } from '../../system/errno.js'
import type { Pieces } from '../records.js'

/** What a file keeps when its content is replaced. Undefined for a file that is yet to be. */
export interface Kept {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly nlink: number
}

/** The system failed in the middle of a write in place: the file is neither the old one nor the new. */
export class PartlyWrittenError extends Error {
  override readonly name = 'PartlyWrittenError'
}

/**
 * Gives `path` the new content: the old one or the new one is there at any moment, whatever fails.
 * Where the file cannot be replaced by rename, it is written in place, and a complete copy lies beside it meanwhile.
 * @param staging where the new file is made, in the same file system; undefined where that cannot be done
 */
export async function replaceFile(
  path: string,
  pieces: Pieces,
  kept: Kept | undefined,
  staging: string | undefined,
): Promise<void> {
  if (staging === undefined) return writeInPlace(path, pieces)

  const canReplace = await stage(staging, pieces, kept)
  if (canReplace) {
    try {
      renameSync(staging, path)
      return syncFolder(dirname(path))
    } catch (error) {
      // A single file that is mounted into a container answers so.
      if (!isErrno(error, 'EBUSY', 'EXDEV', 'EPERM', 'EACCES')) throw error
    }
  }
  const copy = copyOf(path)
  attempt(() => unlinkSync(copy))
  attempt(() => linkSync(staging, copy))
  try {
    writeInPlace(path, pieces)
  } catch (error) {
    if (error instanceof PartlyWrittenError) throw error
    attempt(() => unlinkSync(copy))
    throw error
  }
  attempt(() => unlinkSync(copy))
}

/** The library's type does not know that nothing at all may be given to write. */
const NO_DATA = null as unknown as Buffer
/** To chown(2), these leave the owner as it is; the library would make it that of the file that was there. */
const AS_IT_IS = { uid: -1, gid: -1 }

/** Where the complete content lies while the file itself is written in place. */
export const copyOf = (path: string): string => `${path}.htpasswd-copy`

/**
 * Makes a complete file at `path`, safe on the disk.
 * @returns whether it can take the old one's place: it has the same owner and group, and the old one has no other name
 */
async function stage(path: string, pieces: Pieces, kept: Kept | undefined): Promise<boolean> {
  const { default: writeFileAtomic } = await import('write-file-atomic')
  const mode = kept ? kept.mode & 0o7777 : 0o666 & ~process.umask()
  let canReplace = true
  // The library writes once and does not look how much of it went to the disk; so the content is written here.
  const tmpfileCreated = (temporary: string) =>
    withFile(temporary, (fd) => {
      if (kept) canReplace = giveTo(fd, kept) && kept.nlink === 1
      writeAll(fd, pieces, 0)
    })
  writeFileAtomic.sync(path, NO_DATA, { mode, chown: AS_IT_IS, tmpfileCreated })
  return canReplace
}

/** False where the system does not allow it; the group, at least, is then given if that is allowed. */
function giveTo(fd: number, { uid, gid }: Kept): boolean {
  const is = fstatSync(fd)
  if (is.uid === uid && is.gid === gid) return true
  try {
    fchownSync(fd, uid, gid)
    return true
  } catch {
    attempt(() => fchownSync(fd, is.uid, gid))
    return false
  }
}

/** Growth first, where the disk may turn out to be full; then what was there is overwritten. */
function writeInPlace(path: string, pieces: Pieces): void {
  const content = Buffer.concat(pieces)
  withFile(path, (fd) => {
    const { size } = fstatSync(fd)
    try {
      writeAll(fd, [content.subarray(size)], size)
      fsyncSync(fd)
    } catch (error) {
      ftruncateSync(fd, size)
      throw error
    }
    try {
      writeAll(fd, [content.subarray(0, size)], 0)
      if (content.length < size) ftruncateSync(fd, content.length)
      fsyncSync(fd)
    } catch (error) {
      throw new PartlyWrittenError((error as Error).message)
    }
  })
}

/** What has nothing to lose and nothing to replace: a terminal or a pipe, /dev/stdout for one. */
export function writeToDevice(path: string, pieces: Pieces): void {
  withFile(path, (fd) => writeAll(fd, pieces, null))
}

function withFile(path: string, action: (fd: number) => void, flags = constants.O_WRONLY): void {
  const fd = openSync(path, flags)
  try {
    action(fd)
  } finally {
    closeSync(fd)
  }
}

/** Writes all of it, however much the system takes at a time. */
function writeAll(fd: number, pieces: Pieces, start: number | null): void {
  let position = start
  for (const piece of pieces) {
    for (let done = 0; done < piece.length; ) {
      const written = writeSync(fd, piece, done, piece.length - done, position)
      done += written
      if (position !== null) position += written
    }
  }
}

/** So that the rename itself survives a power failure; the new file is there even where that is not to be had. */
function syncFolder(path: string): void {
  attempt(() => withFile(path, fsyncSync, constants.O_RDONLY))
}

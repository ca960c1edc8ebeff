import {
  closeSync,
  constants,
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
import type { Options } from 'write-file-atomic'
import { isErrno, unless } from './errno.js'
import type { Lock } from './lock.js'
import type { Pieces } from './records.js'

/** What a file keeps when its content is replaced. Undefined for a file that is yet to be. */
export interface Kept {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly nlink: number
}

/**
 * Gives `path` the new content: the old one or the new one is there at any moment, whatever fails.
 * Where the file cannot be replaced by rename, it is written in place, and a complete copy lies beside it meanwhile.
 */
export async function replaceFile(
  path: string,
  pieces: Pieces,
  kept: Kept | undefined,
  lock: Lock,
): Promise<void> {
  await stage(lock.entry, pieces, kept)
  if (kept === undefined || canKeep(kept)) {
    try {
      renameSync(lock.entry, path)
      return syncFolder(dirname(path))
    } catch (error) {
      // A single file that is mounted into a container answers so.
      if (!isErrno(error, 'EBUSY', 'EXDEV', 'EPERM')) throw error
    }
  }
  const copy = copyOf(path)
  unless(['ENOENT', 'EACCES', 'EPERM', 'EROFS'], () => unlinkSync(copy))
  unless(['EPERM', 'EACCES', 'EROFS', 'EXDEV', 'EMLINK', 'ENOTSUP'], () => linkSync(lock.entry, copy))
  writeInPlace(path, pieces)
  unless(['ENOENT', 'EACCES', 'EPERM', 'EROFS'], () => unlinkSync(copy))
}

/** The library's type does not know that nothing at all may be given to write. */
const NO_DATA = null as unknown as Buffer

/** Where the complete content lies while the file itself is written in place. */
export const copyOf = (path: string): string => `${path}.htpasswd-copy`

/** Whether a new file in the old one's place can have its owner and group, and is the only name of it. */
function canKeep({ uid, gid, nlink }: Kept): boolean {
  if (nlink > 1) return false
  const me = process.geteuid?.()
  if (me === undefined || me === 0) return true
  return uid === me && (gid === process.getegid?.() || (process.getgroups?.() ?? []).includes(gid))
}

/** A complete file at `path`, safe on the disk. */
async function stage(path: string, pieces: Pieces, kept: Kept | undefined): Promise<void> {
  const { default: writeFileAtomic } = await import('write-file-atomic')
  const mode = kept ? kept.mode & 0o7777 : 0o666 & ~process.umask()
  const chown = kept ? { uid: kept.uid, gid: kept.gid } : false
  // The library writes once and does not look how much of it went to the disk; so the content is written here.
  const tmpfileCreated = (temporary: string) => withFile(temporary, (fd) => writeAll(fd, pieces, 0))
  writeFileAtomic.sync(path, NO_DATA, { mode, chown, tmpfileCreated } as Options)
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
    writeAll(fd, [content.subarray(0, size)], 0)
    if (content.length < size) ftruncateSync(fd, content.length)
    fsyncSync(fd)
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
  unless(['EACCES', 'EINVAL', 'EISDIR', 'EPERM', 'ENOTSUP'], () =>
    withFile(path, fsyncSync, constants.O_RDONLY),
  )
}

import { constants } from 'node:fs'
import { type FileHandle, link, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isErrno, unlessErrno } from './errno.js'
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
      await rename(lock.entry, path)
      return await syncFolder(dirname(path))
    } catch (error) {
      // A single file that is mounted into a container answers so.
      if (!isErrno(error, 'EBUSY', 'EXDEV', 'EPERM')) throw error
    }
  }
  const copy = copyOf(path)
  await unlink(copy).catch(() => {})
  await link(lock.entry, copy).catch(unlessErrno('EPERM', 'EACCES', 'EROFS', 'EXDEV', 'EMLINK', 'ENOTSUP'))
  await writeInPlace(path, pieces)
  await unlink(copy).catch(() => {})
}

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
  const options = kept ? { mode, chown: { uid: kept.uid, gid: kept.gid } } : { mode, chown: false as const }
  // The library writes once and does not look how much of it went to the disk; so the content is written here.
  await writeFileAtomic(path, null as unknown as Buffer, {
    ...(options as { mode: number; chown: { uid: number; gid: number } }),
    tmpfileCreated: async (temporary) => {
      const file = await open(temporary, 'r+')
      try {
        await writeAll(file, pieces, 0)
      } finally {
        await file.close()
      }
    },
  })
}

/** Growth first, where the disk may turn out to be full; then what was there is overwritten. */
async function writeInPlace(path: string, pieces: Pieces): Promise<void> {
  const file = await open(path, constants.O_WRONLY)
  try {
    const content = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
    const { size } = await file.stat()
    if (content.length > size) {
      try {
        await writeAll(file, [content.subarray(size)], size)
        await file.sync()
      } catch (error) {
        await file.truncate(size)
        throw error
      }
    }
    await writeAll(file, [content.subarray(0, size)], 0)
    if (content.length < size) await file.truncate(content.length)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Writes all of it, however much the system takes at a time. */
export async function writeAll(file: FileHandle, pieces: Pieces, position: number | null): Promise<void> {
  for (const piece of pieces) {
    for (let done = 0; done < piece.length; ) {
      const { bytesWritten } = await file.write(piece, done, piece.length - done, position)
      done += bytesWritten
      if (position !== null) position += bytesWritten
    }
  }
}

/** So that the rename itself survives a power failure. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch {
    // The new file is there; some file systems cannot sync a folder.
  }
}

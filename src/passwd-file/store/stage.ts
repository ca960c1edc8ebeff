import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  lstatSync,
  openSync,
  type Stats,
} from 'node:fs'
import writeFileAtomic from 'write-file-atomic'
import { attempt } from '../../system/errno.js'
import type { Pieces } from '../records.js'
import { isMarkedPlain } from './plain.js'
import { writeAll } from './write.js'

/** The existing password file. */
export interface OpenFile {
  /** Open for reading. */
  readonly fd: number
  readonly path: string
  readonly stat: Stats
}

/** A new file, complete and safe on the disk. */
export interface Staged {
  /** Open for writing. */
  readonly fd: number
  /** Whether it has all attributes of the old file, and the old file has no other name. */
  readonly canReplace: boolean
  /** Whether it has no ACL and no extended attributes. */
  readonly isPlain: boolean
}

type Found = Omit<Staged, 'fd'>

/**
 * Makes a file at `path`, in a folder that only this user can enter, to replace `old` or be the first.
 * @param alone see UpdateOptions
 */
export async function stage(
  path: string,
  pieces: Pieces,
  old: OpenFile | undefined,
  alone: boolean,
): Promise<Staged> {
  // write-file-atomic ignores short writes, so `fill` writes the content. Its types do not allow for no content.
  const create = (fill: (temporary: string) => void) =>
    writeFileAtomic.sync(path, null as unknown as Buffer, { tmpfileCreated: fill })

  if (alone && (old === undefined || isMarkedPlain(old.fd))) {
    const staged = stagePlain(create, pieces, old)
    if (staged) return staged
  }
  // A new file gets what the folder gives to new files: the umask's mode, or its default ACL.
  if (old === undefined) {
    return open(create, (fd) => {
      writeAll(fd, pieces, 0)
      return { canReplace: true, isPlain: false }
    })
  }
  const { keepAttributes } = await import('./attributes.js')
  return open(create, (fd, temporary) => {
    const isAlike = giveTo(fd, old.stat) && old.stat.nlink === 1
    writeAll(fd, [Buffer.from('\n')], 0)
    const kept = isAlike ? keepAttributes(old, { fd, path: temporary }) : 'lost'
    ftruncateSync(fd, 0)
    writeAll(fd, pieces, 0)
    fchmodSync(fd, old.stat.mode & 0o7777)
    const now = Date.now() / 1000
    futimesSync(fd, now, now)
    return { canReplace: kept !== 'lost', isPlain: kept === 'none' }
  })
}

type Create = (fill: (temporary: string) => void) => void

/** Creates the new file, with the content from `fill`. */
function open(create: Create, fill: (fd: number, temporary: string) => Found): Staged {
  let staged: Staged | undefined
  let fd: number | undefined
  try {
    create((temporary) => {
      fd = openSync(temporary, constants.O_WRONLY)
      staged = { fd, ...fill(fd, temporary) }
    })
    return staged as unknown as Staged
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    throw error
  }
}

/**
 * Creates a file without attributes. A default ACL of the folder overrides the umask, so a umask that removes all permissions
 * shows in the mode whether there is one.
 * @returns undefined if there is a default ACL
 */
function stagePlain(create: Create, pieces: Pieces, old: OpenFile | undefined): Staged | undefined {
  const umask = process.umask(0o777)
  let hasAcl = false
  try {
    return open(
      (fill) =>
        create((temporary) => {
          process.umask(umask)
          hasAcl = process.platform !== 'win32' && (lstatSync(temporary).mode & 0o777) !== 0
          if (hasAcl) throw new Error('default ACL')
          chmodSync(temporary, 0o600)
          fill(temporary)
        }),
      (fd) => {
        const isAlike = old === undefined || (giveTo(fd, old.stat) && old.stat.nlink === 1)
        writeAll(fd, pieces, 0)
        fchmodSync(fd, old ? old.stat.mode & 0o7777 : 0o666 & ~umask)
        return { canReplace: isAlike, isPlain: true }
      },
    )
  } catch (error) {
    if (hasAcl) return undefined
    throw error
  } finally {
    process.umask(umask)
  }
}

/** Sets owner and group. If that is not permitted, sets the group if possible, and returns false. */
function giveTo(fd: number, { uid, gid }: Stats): boolean {
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

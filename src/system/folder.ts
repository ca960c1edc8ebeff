import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { attempt, isErrno } from './errno.js'

// Node has no openat(2). On Linux, /proc/self/fd/N/NAME serves the same purpose: it is NAME in the folder that was opened, even
// if that folder is moved or replaced. On other systems, names are looked up along the path each time.

/** From open(2): for looking names up in a folder that may be searched but not listed. Node does not export it. */
const O_PATH = 0o10000000

/** For files: do not follow a link, and do not wait for the other end of a FIFO. Windows has neither flag. */
export const NO_FOLLOW = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/** An open folder. */
export interface Folder {
  readonly path: string
  /** Its state when it was opened. */
  readonly stat: Stats
  /** The file descriptor; undefined on Windows, where folders cannot be opened. */
  readonly fd: number | undefined
  /** Whether `at` refers to this very folder, even if it has been replaced by another one or a link. */
  readonly pinned: boolean
  /** The path to use for `name` in the folder, or for the folder itself. */
  at(name?: string): string
  close(): void
}

/**
 * Opens the folder at `path`, which must be absolute and free of symbolic links.
 * @throws a system error; ELOOP or ENOTDIR if it is a link or not a folder, ESTALE if it was replaced meanwhile
 */
export function openFolder(path: string): Folder {
  const folder = open(path)
  const real = folder.fd === undefined ? undefined : realPath(folder.fd)
  if (real === undefined || isSamePath(real, path)) return { ...folder, pinned: real !== undefined, path }
  folder.close()
  throw Object.assign(new Error(`${path} was moved or replaced meanwhile`), { code: 'ESTALE' })
}

export function openInside(parent: Folder, name: string): Folder {
  return { ...open(parent.at(name)), path: join(parent.path, name) }
}

function open(path: string): Folder {
  const fd = process.platform === 'win32' ? undefined : openDescriptor(path)
  const pinned = fd !== undefined && realPath(fd) !== undefined
  return {
    path,
    stat: fd === undefined ? lstatSync(path) : fstatSync(fd),
    fd,
    pinned,
    at: (name = '') => (pinned ? `/proc/self/fd/${fd}/${name}` : join(path, name)),
    close: () => {
      if (fd !== undefined) attempt(() => closeSync(fd))
    },
  }
}

function openDescriptor(path: string): number {
  const flags = constants.O_DIRECTORY | constants.O_NOFOLLOW
  try {
    return openSync(path, constants.O_RDONLY | flags)
  } catch (error) {
    if (process.platform === 'linux' && isErrno(error, 'EACCES')) return openSync(path, O_PATH | flags)
    throw error
  }
}

/** The path of an open file or folder according to the kernel, if available. */
export function realPath(fd: number): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
}

/** Some file systems accept several spellings of a name: with another case, or other Unicode forms. */
const isSamePath = (a: string, b: string): boolean => a === b || fold(a) === fold(b)
const fold = (path: string): string => path.normalize('NFC').toLowerCase()

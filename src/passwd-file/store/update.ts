import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  type Stats,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { isErrno } from '../../system/errno.js'
import { type Folder, NO_FOLLOW, openFolder } from '../../system/folder.js'
import { followLinks } from '../../system/links.js'
import { isSelfOrRoot, userName } from '../../system/users.js'
import type { Pieces } from '../records.js'
import { copyLeft } from './copy.js'
import { type Lock, lock } from './lock.js'
import { replaceFile, type Target } from './replace.js'
import type { OpenFile } from './stage.js'
import { isSharedAndSticky, isSteady, mayEdit } from './trust.js'
import { writeToDevice } from './write.js'

// The only place where password files are written: lock, read, edit, replace, unlock. Readers never lock.

/**
 * From the content to the new one; without pieces the file stays as it is. What it throws leaves the file as it is, too.
 * It runs while the lock is held, so it must not report anything: what was done is for the caller of `update` to report.
 */
export type Edit<Done> = (content: Buffer) => { readonly pieces?: Pieces | undefined; readonly done: Done }

export interface UpdateOptions {
  /**
   * Start from nothing, whether or not the file exists; or if it does not. Default false: a file that is missing is an
   * error.
   */
  readonly create?: boolean | 'if-missing'
  /** The process does nothing else meanwhile, so what belongs to all of it, its umask, may be changed for a moment. */
  readonly alone?: boolean
}

/**
 * Edits the file at `path` (symbolic links are followed), one process at a time.
 * @returns what `edit` did, when it is on the disk
 * @throws LockedError, what `edit` throws, or a system error: the file is then as it was; PartlyWrittenError
 */
export async function update<Done>(
  path: string,
  edit: Edit<Done>,
  { create = false, alone = false }: UpdateOptions = {},
): Promise<Done> {
  // A pipe is no place in the file system, though /dev/stdout leads there.
  if (statOf(path)?.isFile() === false) {
    const { pieces, done } = edit(Buffer.alloc(0))
    writeToDevice(path, pieces ?? [])
    return done
  }

  const target = followLinks(path)
  const name = basename(target)
  const folder = openFolder(dirname(target))
  try {
    const held = await lockFor(folder, name)
    try {
      const file = openFile(folder, name)
      try {
        return await updateOpen(
          { folder, name, file, entry: held.isBeside ? held.entry : undefined, alone },
          held,
          edit,
          create,
        )
      } finally {
        if (file) closeSync(file.fd)
      }
    } finally {
      held.release()
    }
  } finally {
    folder.close()
  }
}

async function updateOpen<Done>(
  target: Target,
  held: Lock,
  edit: Edit<Done>,
  create: UpdateOptions['create'],
): Promise<Done> {
  const { folder, name, file } = target
  if (file === undefined && !create) throw missing(join(folder.path, name))
  if (file && create === true) requireOwn(folder, name, file.stat)
  const isNew = file === undefined || create === true
  const left = file && copyLeft(held, folder, name, file.stat, isNew)
  const content = isNew ? Buffer.alloc(0) : (left?.content ?? readFileSync(file.fd))
  const { pieces = left?.content && [content], done } = edit(content)
  if (pieces) await replaceFile(target, pieces)
  left?.remove()
  return done
}

interface FileLock extends Lock {
  /** Whether the entry is in the file's own folder, and no other user can replace its content. */
  readonly isBeside: boolean
}

/**
 * Beside the file; where nothing can be made there, in the folder for temporary files, to which no hash is written.
 * Those who lock at one place do not wait for those at the other: that would let any user block everybody.
 */
async function lockFor(folder: Folder, name: string): Promise<FileLock> {
  const file = lstatSync(folder.at(name), { throwIfNoEntry: false })
  const admits = (uid: number) => mayEdit(uid, file)
  try {
    const held = await lock({ folder, prefix: prefixOf(name), admits })
    return { ...held, isBeside: isSteady(folder) && held.entry.isPrivate }
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ENAMETOOLONG') || !file) throw error
  }
  const temporary = openFolder(followLinks(tmpdir()))
  try {
    const held = await lock({
      folder: temporary,
      prefix: `.htpasswd-${digest(join(folder.path, name))}`,
      admits,
    })
    const release = () => {
      held.release()
      temporary.close()
    }
    return { ...held, isBeside: false, release }
  } catch (error) {
    temporary.close()
    throw error
  }
}

/** Names have at most 255 bytes, and what follows has about a hundred. */
const MAX_PREFIX_BYTES = 120

function prefixOf(name: string): string {
  const prefix = `.${name}.htpasswd`
  return Buffer.byteLength(prefix) <= MAX_PREFIX_BYTES ? prefix : `.htpasswd-${digest(name)}`
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

/** The file as it is by now, which no link and no FIFO can take the place of; undefined where there is none. */
function openFile(folder: Folder, name: string): OpenFile | undefined {
  const path = folder.at(name)
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | NO_FOLLOW)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
  const stat = fstatSync(fd)
  if (stat.isFile()) return { fd, path, stat }
  closeSync(fd)
  throw Object.assign(new Error('it is not a file'), { code: stat.isDirectory() ? 'EISDIR' : 'ESTALE' })
}

/** In a folder like /tmp, another user's file may be a trap: what is put into it anew is his to read and to change. */
function requireOwn({ stat }: Folder, name: string, file: Stats): void {
  if (!isSharedAndSticky(stat) || isSelfOrRoot(file.uid) || file.uid === stat.uid) return
  throw Object.assign(
    new Error(`${name} belongs to ${userName(file.uid)}, in a world-writable folder: remove it first`),
    { code: 'EACCES' },
  )
}

const missing = (path: string): Error =>
  Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' })

/** Undefined where there is nothing. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (isErrno(error, 'ENAMETOOLONG')) return undefined
    throw error
  }
}

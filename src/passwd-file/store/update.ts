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

// The only module that writes password files: lock, read, edit, replace, unlock. Readers never lock.

/**
 * Makes the new content from the old one. Without pieces, or if it throws, the file stays as it is. It runs while the lock is
 * held, so it must not report anything; the caller of `update` does.
 */
export type Edit<Done> = (content: Buffer) => { readonly pieces?: Pieces | undefined; readonly done: Done }

export interface UpdateOptions {
  /** `true` starts with an empty file, `'if-missing'` only if there is none. Default false: a missing file is an error. */
  readonly create?: boolean | 'if-missing'
  /** Whether the process does nothing else meanwhile, so that its umask may be changed for a moment. Default false. */
  readonly alone?: boolean
}

/**
 * Edits the file at `path` (symbolic links are followed), one process at a time.
 * @returns the `done` of `edit`, once the file is on disk
 * @throws LockedError, what `edit` throws, or a system error: the file is then unchanged; PartlyWrittenError
 */
export async function update<Done>(
  path: string,
  edit: Edit<Done>,
  { create = false, alone = false }: UpdateOptions = {},
): Promise<Done> {
  // /dev/stdout may lead to a pipe, which is not in the file system.
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
  /** Whether the entry is beside the file, and no other user can replace its content. */
  readonly isBeside: boolean
}

/**
 * Takes the lock beside the file, or if nothing can be created there, in the folder for temporary files, where no hash is
 * written. Holders at the two places do not wait for each other: otherwise any user could block all others.
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

/** File names have at most 255 bytes, and the rest of an entry's name takes about a hundred. */
const MAX_PREFIX_BYTES = 120

function prefixOf(name: string): string {
  const prefix = `.${name}.htpasswd`
  return Buffer.byteLength(prefix) <= MAX_PREFIX_BYTES ? prefix : `.htpasswd-${digest(name)}`
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

/** Opens the file, but no link or FIFO in its place; undefined if there is none. */
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

/** In a folder like /tmp, another user's file may be a trap: its owner could read and change the new content. */
function requireOwn({ stat }: Folder, name: string, file: Stats): void {
  if (!isSharedAndSticky(stat) || isSelfOrRoot(file.uid) || file.uid === stat.uid) return
  throw Object.assign(
    new Error(`${name} belongs to ${userName(file.uid)}, in a world-writable folder: remove it first`),
    { code: 'EACCES' },
  )
}

const missing = (path: string): Error =>
  Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' })

/** Undefined if nothing is there. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (isErrno(error, 'ENAMETOOLONG')) return undefined
    throw error
  }
}

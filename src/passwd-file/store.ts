import { constants, type Stats } from 'node:fs'
import { open, readlink, realpath, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { isErrno } from './errno.js'
import { type Lock, lock } from './lock.js'
import type { Pieces } from './records.js'
import { copyOf, replaceFile, writeAll } from './write.js'

// The only place where password files are written: lock, read, edit, replace, unlock. Readers never lock.

/** From the content to the new one; undefined to leave the file as it is. What it throws leaves the file as it is, too. */
export type Edit = (content: Buffer) => Pieces | undefined

export interface UpdateOptions {
  /** Start from nothing, whether or not the file exists. Default false: a file that is missing is an error. */
  readonly create?: boolean
}

/**
 * Edits the file at `path` (symbolic links are followed), one process at a time.
 * @throws LockedError, what `edit` throws, or a system error; the file is then as it was
 */
export async function update(
  path: string,
  edit: Edit,
  { create = false }: UpdateOptions = {},
): Promise<void> {
  const target = await followLinks(path)
  const before = await statOrNone(target)
  if (before && !before.isFile()) {
    // A terminal or a pipe, /dev/stdout for one, has nothing to lose and nothing to replace.
    if (before.isDirectory()) throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' })
    return writeToDevice(target, edit(Buffer.alloc(0)) ?? [])
  }

  const held = await lockFor(target)
  try {
    const kept = await statOrNone(target)
    const pieces = edit(create ? Buffer.alloc(0) : await recovered(target))
    if (pieces) await replaceFile(target, pieces, kept, held)
  } finally {
    await held.release()
  }
}

/** The whole content of the file at `path`. */
export async function read(path: string): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    // One buffer of the file's size: a file of a million users is in memory once.
    const { size } = await file.stat()
    let content = Buffer.allocUnsafeSlow(size + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(content, length, content.length - length, null)
      if (bytesRead === 0) return content.subarray(0, length)
      length += bytesRead
      if (length === content.length) content = Buffer.concat([content, Buffer.allocUnsafeSlow(length)])
    }
  } finally {
    await file.close()
  }
}

/**
 * The content, or the complete copy that a process left when it was killed while it wrote in place.
 * A file that was edited since then is taken as it is.
 */
async function recovered(target: string): Promise<Buffer> {
  const copy = copyOf(target)
  const [file, left] = await Promise.all([stat(target), statOrNone(copy)])
  const interrupted = left && left.size > 0 && Math.abs(file.mtimeMs - left.mtimeMs) < 60_000
  return read(interrupted ? copy : target)
}

/** Beside the file; where nothing can be made there, in the folder for temporary files. */
async function lockFor(target: string): Promise<Lock> {
  try {
    return await lock(`${target}.lock`)
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS')) throw error
    if (!(await statOrNone(target))) throw error
    const name = Buffer.from(target).toString('base64url').slice(-100)
    return lock(join(tmpdir(), `htpasswd-${name}.lock`))
  }
}

/** Where `path` leads in the end, also where nothing is there yet. */
export async function followLinks(path: string): Promise<string> {
  let target = resolve(path)
  for (let links = 0; links < 40; links++) {
    try {
      return await realpath(target)
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
    target = join(await realpath(dirname(target)), basename(target))
    try {
      target = resolve(dirname(target), await readlink(target))
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'EINVAL')) return target
      throw error
    }
  }
  throw Object.assign(new Error(`${path}: too many symbolic links`), { code: 'ELOOP' })
}

async function statOrNone(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

async function writeToDevice(path: string, pieces: Pieces): Promise<void> {
  const file = await open(path, constants.O_WRONLY)
  try {
    await writeAll(file, pieces, null)
  } finally {
    await file.close()
  }
}

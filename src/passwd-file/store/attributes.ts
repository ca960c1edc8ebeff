import { copyFileSync, fstatSync } from 'node:fs'
import { realPath } from '../../system/folder.js'

// ACLs, extended attributes (xattr(7)) and security labels. Node cannot access them, so GNU tar lists them, and GNU cp copies
// them. This module is loaded only if a file may have some.

/** `none`: both files have nothing but the same security label. `lost`: they differ, or may. */
export type Kept = 'none' | 'kept' | 'lost'

/** An open file, and its path. */
export interface Opened {
  readonly fd: number
  readonly path: string
}

/** Gives `fresh`, a file of one byte open for writing, the attributes of `old`. */
export function keepAttributes(old: Opened, fresh: Opened): Kept {
  if (process.platform === 'darwin') return keepWithCopyfile(old, fresh)
  if (realPath(old.fd) === undefined) return 'lost'
  // For an empty file, tar reads only the ACL.
  const before = fstatSync(old.fd).size === 0 ? undefined : attributesOf(old, fresh)
  if (before?.isSame) return before.isEmpty ? 'none' : 'kept'
  if (!copyAttributes(old, fresh)) return 'lost'
  // If tar could not list the attributes before, it cannot check the result either, so trust cp.
  return before === undefined || attributesOf(old, fresh)?.isSame ? 'kept' : 'lost'
}

/** copyfile(3) of macOS, which Node calls there, copies all of them. The content is overwritten later. */
function keepWithCopyfile(old: Opened, fresh: Opened): Kept {
  try {
    copyFileSync(old.path, fresh.path)
    return 'kept'
  } catch {
    return 'lost'
  }
}

/**
 * With `xattr` in addition to `all`, cp fails if it cannot copy one. busybox's cp has neither option.
 * @returns whether all were copied
 */
function copyAttributes(old: Opened, fresh: Opened): boolean {
  return (
    run(
      ['cp', '--attributes-only', '--preserve=all,xattr', '/proc/self/fd/3', '/proc/self/fd/4'],
      [old, fresh],
    ) !== undefined
  )
}

interface Compared {
  readonly isSame: boolean
  /** Whether neither file has anything but a security label. */
  readonly isEmpty: boolean
}

/** Compares the attributes of two files; undefined without a suitable tar. */
function attributesOf(old: Opened, fresh: Opened): Compared | undefined {
  // The short file comes first, so that both headers come before the content of the other, which may be long.
  const options = ['--format=pax', '--dereference', '--xattrs', '--xattrs-include=*', '--acls', '--selinux']
  const archive = run(['tar', ...options, '-cf', '-', '-C', '/proc/self/fd', '4', '3'], [old, fresh])
  const [first, second] = archive ? attributesIn(archive) : []
  if (first === undefined || second === undefined) return undefined
  return { isSame: first.join() === second.join(), isEmpty: ![...first, ...second].some(isAttribute) }
}

/** More than the attributes of two files can take. */
const MAX_OUTPUT = 1 << 20

/** Runs a program with the files as descriptors 3 and 4. Undefined if it fails or reports an error. */
function run([command, ...args]: [string, ...string[]], files: Opened[]): Buffer | undefined {
  // Not imported, because the command's bundle replaces this module for packages that load it needlessly.
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    stdio: ['ignore', 'pipe', 'pipe', ...files.map(({ fd }) => fd)],
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
    maxBuffer: MAX_OUTPUT,
  })
  const isLong = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOBUFS'
  return (status === 0 || isLong) && stderr.length === 0 ? stdout : undefined
}

const BLOCK = 512

/** The attributes of each file in an archive, in the form of pax(1): `SCHILY.xattr.user.note=…`, sorted. */
function attributesIn(archive: Buffer): string[][] {
  const files: string[][] = []
  let attributes: string[] = []
  for (let start = 0; start + BLOCK <= archive.length && archive[start] !== 0; ) {
    const size = Number.parseInt(archive.toString('latin1', start + 124, start + 136), 8)
    const type = archive.toString('latin1', start + 156, start + 157)
    const content = archive.subarray(start + BLOCK, start + BLOCK + size)
    if (type === 'x')
      attributes = recordsIn(content)
        .filter((record) => isAttribute(record) || isLabel(record))
        .sort()
    else {
      files.push(attributes)
      attributes = []
    }
    start += BLOCK * (1 + Math.ceil(size / BLOCK))
  }
  return files
}

/** Parses records of `LENGTH KEY=VALUE` and a newline; the length includes everything. */
function recordsIn(header: Buffer): string[] {
  const records: string[] = []
  for (let start = 0; start < header.length; ) {
    const space = header.indexOf(0x20, start)
    const length = Number(header.toString('latin1', start, space))
    if (!(length > 0)) break
    records.push(header.toString('latin1', space + 1, start + length - 1))
    start += length
  }
  return records
}

const isAttribute = (record: string): boolean =>
  /^SCHILY\.(acl|xattr)\./.test(record) && !/^SCHILY\.xattr\.security\.selinux=/.test(record)
const isLabel = (record: string): boolean => /^(RHT\.security|SCHILY\.xattr\.security)\.selinux=/.test(record)

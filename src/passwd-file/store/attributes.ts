import { copyFileSync, fstatSync } from 'node:fs'
import { realPath } from '../../system/folder.js'

// What a file has beside its content, mode and owner: an ACL, extended attributes (xattr(7)), a security label. Node has
// no call for them, so GNU tar tells what there is and GNU cp copies it. Loaded only where a file may have some.

/** `none`: there is nothing but a security label, the same for both. `lost`: they differ, or may. */
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
  // Of an empty file, tar looks at the ACL alone.
  const before = fstatSync(old.fd).size === 0 ? undefined : attributesOf(old, fresh)
  if (before?.isSame) return before.isEmpty ? 'none' : 'kept'
  if (!copyAttributes(old, fresh)) return 'lost'
  // What cannot tell what there was cannot tell what was kept; cp is taken at its word then.
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
 * With `xattr` beside `all`, cp fails if it cannot copy one. That of busybox knows neither option.
 * @returns whether all of them were copied
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
  /** Whether neither has any but a security label. */
  readonly isEmpty: boolean
}

/** Undefined where there is no tar that can tell. */
function attributesOf(old: Opened, fresh: Opened): Compared | undefined {
  // The short one comes first, so that all that is wanted comes before the content, which may be long.
  const options = ['--format=pax', '--dereference', '--xattrs', '--xattrs-include=*', '--acls', '--selinux']
  const archive = run(['tar', ...options, '-cf', '-', '-C', '/proc/self/fd', '4', '3'], [old, fresh])
  const [first, second] = archive ? attributesIn(archive) : []
  if (first === undefined || second === undefined) return undefined
  return { isSame: first.join() === second.join(), isEmpty: ![...first, ...second].some(isAttribute) }
}

/** More than all attributes of two files. */
const MAX_OUTPUT = 1 << 20

/** Runs a program with the files as its descriptors 3 and 4. Undefined if it fails or complains. */
function run([command, ...args]: [string, ...string[]], files: Opened[]): Buffer | undefined {
  // Not imported: the build of the command leaves the module out for packages that load it without need.
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

/** The attributes of each file in an archive, as pax(1) has them: `SCHILY.xattr.user.note=…`, sorted. */
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

/** Records `LENGTH KEY=VALUE` and a newline; the length is that of all of it. */
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

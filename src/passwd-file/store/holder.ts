import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { isErrno } from '../../system/errno.js'

// The name of a lock entry tells its holder: PREFIX.SPACE.PID.STARTED.RANDOM. It is trusted only if the system confirms it: the
// process is running, was started at that time, and has the entry open.

/** The rest of the name after the prefix. STATE is empty for a claim to the lock. */
const NAME =
  /^\.(?<space>[^.]+)\.(?<pid>\d+)\.(?<started>\d+)\.(?<random>[^.]+)(?<state>|\.new|\.copy\.(?<inode>\d+))$/

/** A unique name that others cannot predict. */
export function ownName(prefix: string): string {
  const random = randomBytes(8).toString('hex')
  return `${prefix}.${ownSpace()}.${process.pid}.${startTime(process.pid) ?? 0}.${random}`
}

/** State of an entry under construction, which claims nothing yet. */
export const unfinished = (name: string): string => `${name}.new`

/** State of an entry with the complete content of a file that is being written in place. */
export const withCopyOf = (inode: number, name: string): string => `${name}.copy.${inode}`

export type Life = 'alive' | 'dead' | 'unknown'

export interface Holder {
  readonly entry: string
  readonly pid: number
  readonly started: number
  /** Whether the PID is from the process table of this machine and container. */
  readonly isNear: boolean
  readonly isUnfinished: boolean
  /** Inode of the file that is being written in place, of which the entry has a complete copy. */
  readonly copyOf: number | undefined
}

/** The holder that an entry's name describes; undefined if it is not the name of an entry. */
export function holderOf(prefix: string, entry: string): Holder | undefined {
  if (!entry.startsWith(prefix)) return undefined
  const { space, pid, started, state, inode } = NAME.exec(entry.slice(prefix.length))?.groups ?? {}
  if (space === undefined) return undefined
  return {
    entry,
    pid: Number(pid),
    started: Number(started),
    isNear: space === ownSpace(),
    isUnfinished: state === '.new',
    copyOf: inode === undefined ? undefined : Number(inode),
  }
}

/** `unknown` for a process on another machine, in another container, or hidden from this one. */
export function lifeOf({ pid, started, isNear, isUnfinished }: Holder, entry: Stats): Life {
  if (!isNear) return 'unknown'
  const running = startTime(pid)
  // Except on Linux, or if /proc shows only this user's processes, another process may have the PID by now.
  if (running === undefined) return exists(pid) ? 'unknown' : 'dead'
  if (running !== started) return 'dead'
  if (isUnfinished) return 'alive'
  const holds = hasOpen(pid, entry) ?? isRunBy(pid, entry.uid)
  return holds ? 'alive' : 'dead'
}

let space: string | undefined

/** Identifies the process table of a PID: the boot of the machine, and the container. */
function ownSpace(): string {
  space ??= (() => {
    try {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
      return `${boot}-${readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')}`
    } catch {
      return (
        hostname()
          .replace(/[^A-Za-z0-9-]/g, '_')
          .slice(0, 60) || 'host'
      ) // not Linux
    }
  })()
  return space
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !isErrno(error, 'ESRCH')
  }
}

/** Clock ticks from boot to the start of `pid`; -1 for a zombie; undefined if not visible. */
function startTime(pid: number): number | undefined {
  try {
    // proc(5): PID (COMM) STATE …; COMM may hold anything, parentheses included.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? -1 : Number(fields[19])
  } catch {
    return undefined
  }
}

/**
 * Whether the process has `entry` open; undefined if that is not visible, as for another user's process. If its files can only
 * be listed, as those of a process with another group or more capabilities, whether it has the entry's user.
 */
function hasOpen(pid: number, entry: Stats): boolean | undefined {
  const folder = `/proc/${pid}/fd`
  let isVisible = true
  try {
    for (const fd of readdirSync(folder)) {
      const isEntry = isAt(`${folder}/${fd}`, entry)
      if (isEntry) return true
      if (isEntry === undefined) isVisible = false
    }
    return isVisible ? false : ownerOf(pid) === entry.uid
  } catch (error) {
    return isErrno(error, 'ENOENT', 'ESRCH') ? false : undefined
  }
}

/** Undefined if access is denied. */
function isAt(path: string, { dev, ino }: Stats): boolean | undefined {
  try {
    const stat = statSync(path)
    return stat.ino === ino && stat.dev === dev
  } catch (error) {
    return isErrno(error, 'EACCES', 'EPERM') ? undefined : false
  }
}

/** Whether the process can own the entry: it has the same user, is root's, or is hidden by a security module. */
function isRunBy(pid: number, uid: number): boolean {
  const owner = ownerOf(pid)
  return owner === undefined ? exists(pid) : owner === uid || owner === 0
}

/** The user that runs the process; undefined if it is not visible. */
function ownerOf(pid: number): number | undefined {
  try {
    return statSync(`/proc/${pid}`).uid
  } catch {
    return undefined
  }
}

import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

// Who holds a lock, told by the name of its entry: SPACE.PID.STARTED.RANDOM, and a suffix for files of the entry's own.

const NAME = /^(?<space>[^.]+)\.(?<pid>\d+)\.(?<started>\d+)\.(?<random>[^.]+)(?:\..*)?$/

/** A name that no other lock, of this process or any other, has or had. */
export function ownName(): string {
  return `${ownSpace()}.${process.pid}.${startTime(process.pid) ?? 0}.${random()}`
}

/** Tells the locks and the threads of one process apart; nothing secret. */
const random = () => Math.random().toString(36).slice(2)

export type Life = 'alive' | 'dead' | 'unknown'

export interface Owner {
  /** The entry's name without the suffix. */
  readonly name: string
  /** Undefined where only somebody's presence is known. */
  readonly pid?: number
  /** `unknown` for a process on another machine, in another container, or hidden from this one. */
  readonly life: Life
}

/** The owner of an entry; undefined where the name is not of an entry's form. */
export function ownerOf(entry: string): Owner | undefined {
  const { space, pid, started, random } = NAME.exec(entry)?.groups ?? {}
  if (!space || !pid || !started || !random) return undefined
  const name = `${space}.${pid}.${started}.${random}`
  const life = space === ownSpace() ? lifeOf(Number(pid), Number(started)) : 'unknown'
  return { name, pid: Number(pid), life }
}

let space: string | undefined

/** The process table that a pid belongs to: of one boot of one machine, and of one container on it. */
function ownSpace(): string {
  space ??= (() => {
    try {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
      return `${boot}-${readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')}`
    } catch {
      return hostname().replace(/[^A-Za-z0-9-]/g, '_') // not Linux
    }
  })()
  return space
}

function lifeOf(pid: number, started: number): Life {
  const running = startTime(pid)
  if (running !== undefined && started !== 0) return running === started ? 'alive' : 'dead'
  // Off Linux, or where /proc shows only one's own processes, another may have the pid by now.
  return exists(pid) ? 'unknown' : 'dead'
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Clock ticks from boot to the start of `pid`, -1 for a zombie; undefined when that is not to be seen. */
function startTime(pid: number): number | undefined {
  try {
    // proc(5): PID (COMM) STATE …; COMM may hold anything, parentheses included.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? -1 : Number(fields[19])
  } catch {
    return undefined
  }
}

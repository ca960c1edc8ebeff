import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  statSync,
  unlinkSync,
  utimes,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isErrno, unless } from './errno.js'
import { type Owner, ownerOf, ownName } from './owner.js'

// A lock is a folder beside the file, FILE.lock, in which every process that wants the file puts an entry of its own.
// Whoever, after that, finds no other living entry there holds the lock. Entries are never taken over, only removed,
// each by its own name: two processes that clear away the same dead one cannot harm a third. The name tells who the
// owner is, so one that was killed is known to be dead at once and holds nobody up.

/** For owners on another machine or in another container, of whom only the heartbeat is seen. */
const HEARTBEAT_MS = 1_000
const SILENT_IS_DEAD_MS = 10_000
const GIVE_UP_MS = 60_000

export interface Lock {
  /** This lock's entry. What is renamed from here takes the entry away, and with it the lock. */
  readonly entry: string
  release(): void
}

/** Another process has held the lock for a minute. */
export class LockedError extends Error {
  override readonly name = 'LockedError'
  constructor(
    readonly folder: string,
    owner: Owner | undefined,
  ) {
    super(owner ? `locked by process ${owner.pid} (${folder})` : `locked (${folder})`)
  }
}

/**
 * Waits for the lock in `folder`, whose parent has to exist.
 * @throws LockedError after a minute; a system error where the folder cannot be made
 */
export async function lock(folder: string): Promise<Lock> {
  const name = ownName()
  const entry = join(folder, name)
  const deadline = Date.now() + GIVE_UP_MS

  for (let tries = 0; ; tries++) {
    let rivals = living(folder)
    if (rivals.length === 0 && enter(folder, entry)) {
      // Two that came in together see each other: the first by name stays, the other leaves.
      for (;;) {
        rivals = living(folder).filter((owner) => owner.name !== name)
        if (rivals.length === 0) return held(folder, entry)
        if (rivals.some((owner) => owner.name < name) || Date.now() > deadline) break
        await pause(tries)
      }
      leave(folder, entry)
    }
    if (Date.now() > deadline) throw new LockedError(folder, rivals[0])
    await pause(tries)
  }
}

const pause = (tries: number) =>
  new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(4 + 2 * tries, 25)))

function held(folder: string, entry: string): Lock {
  const heartbeat = setInterval(() => {
    utimes(entry, new Date(), new Date(), () => {})
  }, HEARTBEAT_MS)
  heartbeat.unref()
  return {
    entry,
    release() {
      clearInterval(heartbeat)
      leave(folder, entry)
    },
  }
}

/** Puts the entry into the folder; false if the folder went away meanwhile, or is another user's. */
function enter(folder: string, entry: string): boolean {
  try {
    makeFolder(folder)
    writeFileSync(entry, '', { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT') && statSync(dirname(folder), { throwIfNoEntry: false })) return false
    if (isErrno(error, 'EACCES') && statSync(folder, { throwIfNoEntry: false })) return false
    throw error
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder)
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return
    throw error
  }
  // Whoever may write beside the file may clear this lock away.
  const parent = statSync(dirname(folder))
  const owner = process.geteuid?.() ?? -1
  unless(['EPERM', 'EINVAL', 'ENOENT'], () => chownSync(folder, owner, parent.gid))
  unless(['ENOENT'], () => chmodSync(folder, (parent.mode & 0o777) | 0o700))
}

function leave(folder: string, entry: string): void {
  unless(['ENOENT'], () => unlinkSync(entry))
  unless(['ENOENT', 'ENOTEMPTY', 'EEXIST'], () => rmdirSync(folder))
}

/** The owners in the folder that may be at work; entries of dead ones are removed. */
function living(folder: string): Owner[] {
  const owners = new Map<string, Owner>()
  for (const entry of entries(folder)) {
    const owner = ownerOf(entry)
    if (owner === undefined) continue
    const path = join(folder, entry)
    if (owner.life === 'alive' || (owner.life === 'unknown' && !isSilent(path))) owners.set(owner.name, owner)
    else unless(['ENOENT', 'EACCES', 'EPERM'], () => unlinkSync(path))
  }
  return [...owners.values()]
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    if (isErrno(error, 'ENOTDIR')) error.message = `${basename(folder)} is in the way of the lock: remove it`
    throw error
  }
}

function isSilent(path: string): boolean {
  const entry = statSync(path, { throwIfNoEntry: false })
  return entry !== undefined && Date.now() - entry.mtimeMs > SILENT_IS_DEAD_MS
}

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
import { attempt, isErrno } from '../../system/errno.js'
import { beforeSignalsEnd } from '../../system/signals.js'
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
    super(owner?.pid ? `locked by process ${owner.pid} (${folder})` : `locked (${folder})`)
  }
}

/**
 * Waits for the lock in `folder`, whose parent has to exist.
 * @throws LockedError after a minute; a system error where the folder cannot be made
 */
export async function lock(folder: string): Promise<Lock> {
  const name = ownName()
  const entry = join(folder, name)
  const heartbeat = setInterval(() => {
    utimes(entry, new Date(), new Date(), () => {})
  }, HEARTBEAT_MS)
  heartbeat.unref()
  const stopListening = beforeSignalsEnd(() => leave(folder, entry))
  const release = () => {
    clearInterval(heartbeat)
    leave(folder, entry)
    stopListening()
  }
  try {
    await take(folder, name)
  } catch (error) {
    release()
    throw error
  }
  return { entry, release }
}

async function take(folder: string, name: string): Promise<void> {
  const entry = join(folder, name)
  const deadline = Date.now() + GIVE_UP_MS

  for (let tries = 0; ; tries++) {
    let rivals = living(folder)
    if (rivals.length === 0 && enter(folder, entry)) {
      // Two that came in together see each other: the first by name stays, the other leaves.
      for (;;) {
        rivals = living(folder).filter((owner) => owner.name !== name)
        if (rivals.length === 0) return
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

/** Puts the entry into the folder; false if the folder went away meanwhile, or is another user's. */
function enter(folder: string, entry: string): boolean {
  makeFolder(folder)
  try {
    writeFileSync(entry, '', { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return false
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
  // Whoever may write beside the file may clear this lock away; in a sticky folder, each only what is theirs.
  const parent = statSync(dirname(folder))
  const owner = process.geteuid?.() ?? -1
  attempt(() => chownSync(folder, owner, parent.gid))
  attempt(() => chmodSync(folder, (parent.mode & 0o1777) | 0o700))
}

/** Others may be in the folder. What cannot be removed is known to be dead when this process is. */
function leave(folder: string, entry: string): void {
  attempt(() => unlinkSync(entry))
  attempt(() => rmdirSync(folder))
}

/** The owners in the folder that may be at work; entries of dead ones are removed. */
function living(folder: string): Owner[] {
  const owners = new Map<string, Owner>()
  const names = entries(folder)
  if (names === undefined) return [HIDDEN]
  for (const entry of names) {
    const owner = ownerOf(entry)
    if (owner === undefined) continue
    const path = join(folder, entry)
    if (owner.life === 'alive' || (owner.life === 'unknown' && !isSilent(path))) owners.set(owner.name, owner)
    else attempt(() => unlinkSync(path))
  }
  return [...owners.values()]
}

/** Whoever is in a folder that another user has just made, or that is closed to this one. */
const HIDDEN: Owner = { name: '', life: 'unknown' }

/** Undefined where one may not look. */
function entries(folder: string): string[] | undefined {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    if (isErrno(error, 'EACCES', 'EPERM')) return undefined
    if (isErrno(error, 'ENOTDIR')) error.message = `${basename(folder)} is in the way of the lock: remove it`
    throw error
  }
}

function isSilent(path: string): boolean {
  const entry = statSync(path, { throwIfNoEntry: false })
  return entry !== undefined && Date.now() - entry.mtimeMs > SILENT_IS_DEAD_MS
}

import { chmod, chown, mkdir, readdir, rmdir, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isErrno, unlessErrno } from './errno.js'
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
  release(): Promise<void>
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
    let rivals = await living(folder)
    if (rivals.length === 0 && (await enter(folder, entry))) {
      // Two that came in together see each other: the first by name stays, the other leaves.
      for (;;) {
        rivals = (await living(folder)).filter((owner) => owner.name !== name)
        if (rivals.length === 0) return held(folder, entry)
        if (rivals.some((owner) => owner.name < name) || Date.now() > deadline) break
        await pause(tries)
      }
      await leave(folder, entry)
    }
    if (Date.now() > deadline) throw new LockedError(folder, rivals[0])
    await pause(tries)
  }
}

const pause = (tries: number) => sleep(Math.random() * Math.min(4 + 2 * tries, 25))

function held(folder: string, entry: string): Lock {
  const heartbeat = setInterval(() => {
    utimes(entry, new Date(), new Date()).catch(() => {})
  }, HEARTBEAT_MS)
  heartbeat.unref()
  return {
    entry,
    release() {
      clearInterval(heartbeat)
      return leave(folder, entry)
    },
  }
}

/** Puts the entry into the folder; false if the folder went away meanwhile, or is another user's. */
async function enter(folder: string, entry: string): Promise<boolean> {
  try {
    await makeFolder(folder)
    await writeFile(entry, '', { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT') && (await stat(dirname(folder)).catch(() => undefined))) return false
    if (isErrno(error, 'EACCES') && (await stat(folder).catch(() => undefined))) return false
    throw error
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder)
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return
    throw error
  }
  // Whoever may write beside the file may clear this lock away.
  const parent = await stat(dirname(folder))
  await chown(folder, process.geteuid?.() ?? -1, parent.gid).catch(() => {})
  await chmod(folder, (parent.mode & 0o777) | 0o700).catch(unlessErrno('ENOENT'))
}

async function leave(folder: string, entry: string): Promise<void> {
  await unlink(entry).catch(unlessErrno('ENOENT'))
  await rmdir(folder).catch(unlessErrno('ENOENT', 'ENOTEMPTY', 'EEXIST'))
}

/** The owners in the folder that may be at work; entries of dead ones are removed. */
async function living(folder: string): Promise<Owner[]> {
  const owners = new Map<string, Owner>()
  for (const entry of await entries(folder)) {
    const owner = ownerOf(entry)
    if (owner === undefined) continue
    const path = join(folder, entry)
    if (owner.life === 'alive' || (owner.life === 'unknown' && !(await isSilent(path)))) {
      owners.set(owner.name, owner)
    } else {
      await unlink(path).catch(unlessErrno('ENOENT', 'EACCES', 'EPERM'))
    }
  }
  return [...owners.values()]
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    if (isErrno(error, 'ENOTDIR')) error.message = `${basename(folder)} is in the way of the lock: remove it`
    throw error
  }
}

async function isSilent(path: string): Promise<boolean> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }))
  return Date.now() - mtimeMs > SILENT_IS_DEAD_MS
}

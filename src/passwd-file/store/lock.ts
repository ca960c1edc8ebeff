import { futimes, lstatSync, readdirSync, rmdirSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { isErrno } from '../../system/errno.js'
import type { Folder } from '../../system/folder.js'
import { beforeSignalsEnd } from '../../system/signals.js'
import { ownUid, userName } from '../../system/users.js'
import { Entry } from './entry.js'
import { type Holder, holderOf, lifeOf, ownName } from './holder.js'

// Each process that wants a file makes an entry of its own beside it, a folder that only its user can enter. Whoever,
// after that, finds no other living entry holds the lock. Entries are never taken over, only removed, each by its own
// name: two processes that clear away the same dead one cannot harm a third. Entries of users who may not edit the file
// are not even looked at, so nobody can block an edit that is none of his business.

/** For holders on another machine or in another container, of whom only the heartbeat is seen. */
const HEARTBEAT_MS = 1_000
const SILENT_IS_DEAD_MS = 10_000
/** How long one's own processes, or others on the way, are waited for. */
const GIVE_UP_MS = 60_000
/** How long a single process of another user's is. */
const GIVE_UP_OTHERS_MS = 5_000

/** Where a lock is taken: entries of the form PREFIX.… in the folder. */
export interface Place {
  readonly folder: Folder
  readonly prefix: string
  /** Whether a user may edit the file, and so may hold others up. */
  readonly admits: (uid: number) => boolean
}

/** An entry with the complete content of a file that was being written in place. */
export interface Copy {
  readonly name: string
  /** The file's. */
  readonly inode: number
  readonly uid: number
}

export interface Lock {
  readonly entry: Entry
  /** What dead holders left that were writing a file in place. */
  copies(): Copy[]
  release(): void
}

/** Another process holds the lock, and has for too long. */
export class LockedError extends Error {
  override readonly name = 'LockedError'
  constructor(path: string, rival?: { readonly pid: number; readonly uid: number }) {
    const holder = rival && (rival.uid === ownUid() ? '' : ` of ${userName(rival.uid)}`)
    super(rival ? `locked by process ${rival.pid}${holder} (${path})` : `locked (${path})`)
  }
}

/**
 * Waits for the lock.
 * @throws LockedError after a minute, or when one process of another user has held it for five seconds; a system error
 *   where no entry can be made
 */
export async function lock(place: Place): Promise<Lock> {
  const name = ownName(place.prefix)
  let entry: Entry | undefined
  const heartbeat = setInterval(() => {
    if (entry?.fd !== undefined) futimes(entry.fd, new Date(), new Date(), () => {})
  }, HEARTBEAT_MS)
  heartbeat.unref()
  const leave = () => {
    entry?.remove()
    entry = undefined
  }
  const stopListening = beforeSignalsEnd(leave)
  const release = () => {
    clearInterval(heartbeat)
    leave()
    stopListening()
  }
  try {
    for (const patience = new Patience(place); ; await patience.wait()) {
      let { rivals, isIn } = living(place, name)
      if (rivals.length === 0) {
        entry = Entry.make(place.folder, name)
        // Two that came in together see each other: the first by name stays, the other leaves.
        for (;;) {
          ;({ rivals, isIn } = living(place, name))
          if (isIn && rivals.length === 0) return { entry, copies: () => copiesIn(place), release }
          if (!isIn || rivals.some((rival) => rival.entry < name)) break
          patience.check(rivals)
          await patience.wait()
        }
        leave()
      }
      patience.check(rivals)
    }
  } catch (error) {
    release()
    throw error
  }
}

/** How long to wait for whom. Starts to count when there is a reason to wait: `performance` takes a while to load. */
class Patience {
  #start: number | undefined
  #tries = 0
  #first: { readonly entry: string; readonly since: number } | undefined
  constructor(readonly place: Place) {}

  /** @throws LockedError */
  check([rival]: readonly Rival[]): void {
    const now = performance.now()
    this.#start ??= now
    if (rival === undefined) {
      if (now - this.#start > GIVE_UP_MS) throw new LockedError(this.place.folder.path)
      return
    }
    if (rival.entry !== this.#first?.entry) this.#first = { entry: rival.entry, since: now }
    const isOthers = rival.uid !== ownUid()
    const tooLong =
      now - this.#start > GIVE_UP_MS || (isOthers && now - this.#first.since > GIVE_UP_OTHERS_MS)
    if (tooLong) throw new LockedError(join(this.place.folder.path, rival.entry), rival)
  }

  wait(): Promise<void> {
    const milliseconds = Math.random() * Math.min(4 + 2 * this.#tries++, 25)
    return new Promise((resolve) => setTimeout(resolve, milliseconds))
  }
}

/** What is in the way: an entry, and whose it is. */
interface Rival extends Holder {
  readonly uid: number
}

/** The other entries of holders that may be at work, and whether one's own is there; those of dead ones are removed, but for copies that may be needed. */
function living({ folder, prefix, admits }: Place, own: string): { rivals: Rival[]; isIn: boolean } {
  const rivals: Rival[] = []
  const names = readdirSync(folder.at())
  for (const name of names) {
    const holder = name === own ? undefined : holderOf(prefix, name)
    const stat = holder && statOf(folder.at(name))
    if (holder === undefined || !stat?.isDirectory() || !admits(stat.uid)) continue
    const life = lifeOf(holder, stat)
    const isAlive = life === 'alive' || (life === 'unknown' && !isSilent(stat))
    if (!isAlive) {
      if (holder.copyOf === undefined) sweep(folder, name)
    } else if (!holder.isUnfinished) rivals.push({ ...holder, uid: stat.uid })
  }
  return { rivals, isIn: names.includes(own) }
}

/** Removes an entry that a dead holder left, if that is allowed. */
export function sweep(folder: Folder, name: string): void {
  try {
    rmdirSync(folder.at(name))
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) Entry.open(folder, name)?.remove()
  }
}

function copiesIn({ folder, prefix, admits }: Place): Copy[] {
  return readdirSync(folder.at()).flatMap((name) => {
    const holder = holderOf(prefix, name)
    const stat = holder?.copyOf === undefined ? undefined : statOf(folder.at(name))
    return stat?.isDirectory() && admits(stat.uid)
      ? { name, inode: holder?.copyOf as number, uid: stat.uid }
      : []
  })
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

/** Nothing in either direction: a time to come is no sign of life. */
const isSilent = ({ mtimeMs }: Stats): boolean => Math.abs(Date.now() - mtimeMs) > SILENT_IS_DEAD_MS

import { lstatSync, readdirSync, rmdirSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { isErrno } from '../../system/errno.js'
import type { Folder } from '../../system/folder.js'
import { beforeSignalsEnd } from '../../system/signals.js'
import { ownUid, userName } from '../../system/users.js'
import { Entry } from './entry.js'
import { type Holder, holderOf, lifeOf, ownName } from './holder.js'

// Each process that wants to edit a file creates its own entry beside it, a folder that only its user can enter. A process
// that then finds no other living entry holds the lock. Entries are never taken over, only removed, and their names are never
// used again: a process that is slow to remove a dead entry removes no living one. Entries of users who may not edit the file
// are ignored, so such users cannot block edits.

/**
 * For holders on another machine or in another container, of which only the age of the entry is visible. A process
 * that waits with an entry renews it; an edit itself is synchronous.
 */
const RENEW_MS = 1_000
const SILENT_IS_DEAD_MS = 10_000
/** How long to wait for this user's processes, or for changing ones of other users. */
const GIVE_UP_MS = 60_000
/** How long to wait for a single process of another user. */
const GIVE_UP_OTHERS_MS = 5_000

/** Where a lock is taken: entries of the form PREFIX.… in the folder. */
export interface Place {
  readonly folder: Folder
  readonly prefix: string
  /** Whether a user may edit the file, and so may hold its lock. */
  readonly admits: (uid: number) => boolean
}

/** A dead holder's entry with the complete content of a file that was being written in place. */
export interface Copy {
  readonly name: string
  /** The file's inode. */
  readonly inode: number
  readonly uid: number
}

export interface Lock {
  readonly entry: Entry
  /** Copies left by dead holders that were writing a file in place. */
  copies(): Copy[]
  release(): void
}

/** Another process has held the lock for too long. */
export class LockedError extends Error {
  override readonly name = 'LockedError'
  constructor(path: string, rival?: { readonly pid: number; readonly uid: number }) {
    const holder = rival && (rival.uid === ownUid() ? '' : ` of ${userName(rival.uid)}`)
    super(rival ? `locked by process ${rival.pid}${holder} (${path})` : `locked (${path})`)
  }
}

/**
 * Waits for the lock.
 * @throws LockedError after a minute, or if one process of another user has held it for five seconds; a system error if no
 *   entry can be created
 */
export async function lock(place: Place): Promise<Lock> {
  let entry: Entry | undefined
  const leave = () => {
    entry?.remove()
    entry = undefined
  }
  const stopListening = beforeSignalsEnd(leave)
  const release = () => {
    leave()
    stopListening()
  }
  try {
    for (const patience = new Patience(place); ; await patience.wait()) {
      let { rivals } = living(place)
      if (rivals.length === 0) {
        const name = ownName(place.prefix)
        entry = Entry.make(place.folder, name)
        // Two processes that arrive at the same time see each other: the first by name stays, the other retries.
        for (;;) {
          let seen = living(place, name)
          // Again, since a holder that renames its entry at that moment (markAsCopyOf) may be missing, but not twice.
          if (seen.rivals.length === 0) seen = living(place, name)
          rivals = seen.rivals
          if (seen.isIn && rivals.length === 0) return { entry, copies: () => copiesIn(place), release }
          if (!seen.isIn || rivals.some((rival) => rival.entry < name)) break
          patience.check(rivals)
          await patience.wait()
          patience.renew(entry)
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

/** Limits the wait. The clock starts only when there is a reason to wait, since `performance` is slow to load. */
class Patience {
  #start: number | undefined
  #tries = 0
  #first: { readonly entry: string; readonly since: number } | undefined
  #renewed: number | undefined
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

  /** Shows that the waiting holder of `entry` is alive. */
  renew(entry: Entry): void {
    const now = performance.now()
    this.#renewed ??= this.#start ?? now
    if (now - this.#renewed < RENEW_MS) return
    entry.renew()
    this.#renewed = now
  }

  wait(): Promise<void> {
    const milliseconds = Math.random() * Math.min(4 + 2 * this.#tries++, 25)
    return new Promise((resolve) => setTimeout(resolve, milliseconds))
  }
}

/** A blocking entry and its owner. */
interface Rival extends Holder {
  readonly uid: number
}

/**
 * Lists other entries whose holders may be alive, and whether this process's entry is there. Removes dead entries, except for
 * copies that may be needed.
 */
function living({ folder, prefix, admits }: Place, own?: string): { rivals: Rival[]; isIn: boolean } {
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
  return { rivals, isIn: own !== undefined && names.includes(own) }
}

/** Removes a dead holder's entry, if permitted. */
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

/** Whether the entry was neither made nor renewed recently. A time in the future is no sign of life either. */
const isSilent = ({ mtimeMs }: Stats): boolean => Math.abs(Date.now() - mtimeMs) > SILENT_IS_DEAD_MS

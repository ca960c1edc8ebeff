import { futimesSync, mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, isErrno } from '../../system/errno.js'
import { type Folder, openInside } from '../../system/folder.js'
import { ownUid } from '../../system/users.js'
import { unfinished, withCopyOf } from './holder.js'

// A lock entry is a folder that only its user can enter. New files are created in it, where no other user can replace them
// before they are renamed over the old one.

/** The new content, complete and on disk. */
const STAGED = 'htpasswd-new'
/** The new content under that name, and under write-file-atomic's name until it is complete. */
const OURS = /^htpasswd-new(\.\d+)?$/

export class Entry {
  #isOpen = true

  private constructor(
    private readonly folder: Folder,
    private readonly inside: Folder,
    private name: string,
  ) {}

  /** Creates an entry. It gets its final name only once this process has it open, as the name claims. */
  static make(folder: Folder, name: string): Entry {
    const first = unfinished(name)
    mkdirSync(folder.at(first), 0o700)
    let entry: Entry | undefined
    try {
      entry = new Entry(folder, openInside(folder, first), first)
      entry.rename(name)
      return entry
    } catch (error) {
      attempt(() => rmdirSync(folder.at(first)))
      entry?.abandon()
      throw error
    }
  }

  /**
   * Opens an entry of this user, or as root of any user.
   * @returns undefined if it may not be opened or is not an entry, but a link or a folder that others may enter
   */
  static open(folder: Folder, name: string): Entry | undefined {
    let inside: Folder
    try {
      inside = openInside(folder, name)
    } catch (error) {
      if (isErrno(error, 'EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
      throw error
    }
    const entry = new Entry(folder, inside, name)
    if (entry.isPrivate) return entry
    entry.abandon()
    return undefined
  }

  /**
   * Whether only this user and root can have written to it. False if it has been replaced by another folder, and on file
   * systems without owners and modes, such as those of Windows.
   */
  get isPrivate(): boolean {
    const own = ownUid()
    const { uid, mode } = this.inside.stat
    return own === undefined || ((uid === own || own === 0) && (mode & 0o077) === 0)
  }

  /** Sets its time to now. */
  renew(): void {
    const { fd } = this.inside
    const now = Date.now() / 1000
    if (fd !== undefined) attempt(() => futimesSync(fd, now, now))
  }

  get uid(): number {
    return this.inside.stat.uid
  }

  /** The path of the new content. */
  get staged(): string {
    return this.inside.pinned ? this.inside.at(STAGED) : join(this.folder.at(this.name), STAGED)
  }

  /** Marks the entry, so that if this process dies, the next holder writes the new content to the file with this inode. */
  markAsCopyOf(inode: number): void {
    this.rename(withCopyOf(inode, this.name))
  }

  /** Leaves the entry and its content behind, like that of a dead holder. */
  abandon(): void {
    if (this.#isOpen) this.inside.close()
    this.#isOpen = false
  }

  /** Removes the entry and its content. If that fails, it counts as dead once this process has exited. */
  remove(): void {
    if (!this.#isOpen) return
    const path = this.inside.pinned ? this.inside.at() : this.folder.at(this.name)
    attempt(() => {
      for (const file of this.isPrivate ? readdirSync(path) : []) {
        if (OURS.test(file)) unlinkSync(join(path, file))
      }
    })
    attempt(() => rmdirSync(this.folder.at(this.name)))
    this.abandon()
  }

  private rename(name: string): void {
    renameSync(this.folder.at(this.name), this.folder.at(name))
    this.name = name
  }
}

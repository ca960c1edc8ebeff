import { mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, isErrno } from '../../system/errno.js'
import { type Folder, openInside } from '../../system/folder.js'
import { ownUid } from '../../system/users.js'
import { unfinished, withCopyOf } from './holder.js'

// An entry in a lock is a folder that only its user can enter. New files are made inside it, where nobody can exchange
// them before they are renamed into the old one's place.

/** The new content, complete and on the disk. */
const STAGED = 'htpasswd-new'
/** That, and what write-file-atomic names it until it is complete. */
const OURS = /^htpasswd-new(\.\d+)?$/

export class Entry {
  #isOpen = true

  private constructor(
    private readonly folder: Folder,
    private readonly inside: Folder,
    private name: string,
  ) {}

  /** Makes an entry. It gets its name when this process has it open, as the name claims. */
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
   * Opens an entry of this user's, or for root of anybody's.
   * @returns undefined where it may not be opened, or is none: a link, or a folder that others may enter
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
   * Whether nobody but this user, and root, can have put anything into it. False where it was exchanged for another
   * folder, and on file systems that do not keep owners and modes, such as those of Windows.
   */
  get isPrivate(): boolean {
    const own = ownUid()
    const { uid, mode } = this.inside.stat
    return own === undefined || ((uid === own || own === 0) && (mode & 0o077) === 0)
  }

  get fd(): number | undefined {
    return this.inside.fd
  }

  get uid(): number {
    return this.inside.stat.uid
  }

  /** Where the new content is made. */
  get staged(): string {
    return this.inside.pinned ? this.inside.at(STAGED) : join(this.folder.at(this.name), STAGED)
  }

  /** Has the next holder know that the new content is to be put into the file with this inode, should this one die. */
  markAsCopyOf(inode: number): void {
    this.rename(withCopyOf(inode, this.name))
  }

  /** Leaves it as that of a dead holder, with what is in it. */
  abandon(): void {
    if (this.#isOpen) this.inside.close()
    this.#isOpen = false
  }

  /** Removes the entry with what is in it; what cannot be removed is known to be dead when this process is. */
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

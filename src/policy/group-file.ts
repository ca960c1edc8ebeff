import { Watcher } from '../auth/watcher.js'
import { type Groups, parseGroups } from './parse-groups.js'

const NO_GROUPS: readonly string[] = []

export interface GroupFileEvents {
  /** The file has been read, at the start or after a change. */
  loaded(groups: Groups): void
  /** The file cannot be read. Called once per reason. */
  unreadable(error: Error): void
}

/** Groups for the users of the password file. Watches its file, so that changes take effect within a second. */
export class GroupFile {
  readonly #watcher: Watcher
  readonly #listeners: (() => void)[] = []
  /** Undefined while the file cannot be read. */
  #groups: Groups | undefined

  private constructor(path: string, events: GroupFileEvents) {
    this.#watcher = new Watcher(path, {
      content: async (bytes) => {
        const groups = parseGroups(bytes)
        this.#change(groups)
        events.loaded(groups)
      },
      unreadable: (error) => {
        this.#change(undefined)
        events.unreadable(error)
      },
    })
  }

  /** Opens the file at `path`. Resolves after the first attempt to read it, successful or not. */
  static async open(path: string, events: GroupFileEvents): Promise<GroupFile> {
    const file = new GroupFile(path, events)
    await file.#watcher.start()
    return file
  }

  /** Whether the groups are known. */
  get ready(): boolean {
    return this.#groups !== undefined
  }

  groupsOf(user: string): readonly string[] {
    return this.#groups?.get(user) ?? NO_GROUPS
  }

  /** Calls `listener` after every change of groups. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Reloads the file now. */
  async reload(): Promise<void> {
    await this.#watcher.read().catch(() => {}) // Reported through `unreadable`.
  }

  close(): Promise<void> {
    return this.#watcher.close()
  }

  #change(groups: Groups | undefined): void {
    this.#groups = groups
    for (const listener of this.#listeners) listener()
  }
}

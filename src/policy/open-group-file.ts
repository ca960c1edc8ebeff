import { Watcher } from '../auth/watcher.js'
import { type Groups, parseGroups } from './group-file.js'

export interface GroupFile {
  /** Reads the file now. */
  reload(): Promise<void>
  close(): Promise<void>
}

export interface GroupFileAudience {
  loaded(groups: Groups): void
  /** Called once for each reason, not at each look. */
  unreadable(error: Error): void
}

/**
 * Reads the group file at `path` and watches it: a change takes effect within a second. Resolves after the first look,
 * whose outcome the audience has been told.
 */
export async function openGroupFile(path: string, audience: GroupFileAudience): Promise<GroupFile> {
  const watcher = new Watcher(path, {
    async content(bytes) {
      audience.loaded(parseGroups(bytes))
    },
    unreadable: (error) => audience.unreadable(error),
  })
  await watcher.start()
  return {
    reload: () => watcher.read().catch(() => {}), // The audience has been told why not.
    close: () => watcher.close(),
  }
}

import type { Log } from '../operations/log.js'
import { GroupFile } from '../policy/group-file.js'
import { reason } from '../system/errno.js'
import { errors, notices } from './messages.js'

/**
 * Opens the group file, if there is one, and logs later changes.
 *
 * @param isLogLeader whether this process logs on behalf of all workers
 * @throws Exit if the file cannot be read
 */
export async function openGroupFile(
  path: string | undefined,
  log: Log,
  isLogLeader: boolean,
): Promise<GroupFile | undefined> {
  if (path === undefined) return undefined
  let isOpen = false
  let failure: Error | undefined
  const file = await GroupFile.open(path, {
    loaded: (groups) => {
      if (isLogLeader && isOpen) log.event('info', notices.groupFile(path, groups.size))
    },
    unreadable: (error) => {
      failure = error
      if (isLogLeader && isOpen) log.event('error', notices.groupFileUnreadable(path, reason(error)))
    },
  })
  isOpen = true
  if (failure !== undefined) {
    await file.close()
    throw errors.cannotRead('--group-file', path, reason(failure))
  }
  return file
}

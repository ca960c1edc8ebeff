import { readFileSync } from 'node:fs'

/** The effective user ID of this process; undefined on Windows. */
export const ownUid = (): number | undefined => process.geteuid?.()

/** Whether `uid` is this user or root, who can do anything anyway. */
export function isSelfOrRoot(uid: number): boolean {
  const own = ownUid()
  return own === undefined || uid === own || uid === 0
}

/** The name of `uid` in passwd(5), or its number, for messages. */
export const userName = (uid: number): string => nameIn('/etc/passwd', uid) ?? `user ${uid}`

/** The name of `gid` in group(5), or its number, for messages. */
export const groupName = (gid: number): string => nameIn('/etc/group', gid) ?? String(gid)

/** The first field of the line with `id` as its third. */
function nameIn(file: string, id: number): string | undefined {
  try {
    const line = readFileSync(file, 'utf8')
      .split('\n')
      .find((entry) => entry.split(':')[2] === String(id))
    return line?.slice(0, line.indexOf(':'))
  } catch {
    return undefined
  }
}

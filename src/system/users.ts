import { readFileSync } from 'node:fs'

/** The effective user of this process; undefined on Windows, which has no such numbers. */
export const ownUid = (): number | undefined => process.geteuid?.()

/** Whether what belongs to `uid` is this user's, or that of root, who may do anything anyway. */
export function isSelfOrRoot(uid: number): boolean {
  const own = ownUid()
  return own === undefined || uid === own || uid === 0
}

/** For a message: the name that passwd(5) has for `uid`, or its number. */
export function userName(uid: number): string {
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((entry) => entry.split(':')[2] === String(uid))
    if (line !== undefined) return line.slice(0, line.indexOf(':'))
  } catch {
    // Its number will do.
  }
  return `user ${uid}`
}

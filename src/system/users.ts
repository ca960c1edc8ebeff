import { readFileSync } from 'node:fs'

/** The effective user ID of this process; undefined on Windows. */
export const ownUid = (): number | undefined => process.geteuid?.()

/** Whether `uid` is this user or root, who can do anything anyway. */
export function isSelfOrRoot(uid: number): boolean {
  const own = ownUid()
  return own === undefined || uid === own || uid === 0
}

/** The name of `uid` in passwd(5), or its number, for messages. */
export function userName(uid: number): string {
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((entry) => entry.split(':')[2] === String(uid))
    if (line !== undefined) return line.slice(0, line.indexOf(':'))
  } catch {
    // Fall back to the number.
  }
  return `user ${uid}`
}

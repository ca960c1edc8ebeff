import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { dirname, parse, resolve, sep } from 'node:path'
import { isErrno } from './errno.js'
import { isSelfOrRoot, userName } from './users.js'

/** Most links to follow, as in Linux. */
const MAX_LINKS = 40

/**
 * Resolves symbolic links, also to a file that does not exist yet.
 * A link made by another user is followed only to a file that this user owns, or into a folder of this user: otherwise the
 * link's owner could choose what this process reads and writes with permissions that they lack.
 * @throws a system error; ELOOP after 40 links, EACCES for a link that is not followed
 */
export function followLinks(path: string): string {
  const start = resolve(path)
  let real = parse(start).root
  const left = start.slice(real.length).split(sep)
  const strangers: { path: string; uid: number }[] = []

  for (let links = 0; left.length > 0; ) {
    const name = left.shift() as string
    if (name === '') continue
    const next = resolve(real, name)
    const stat = statOf(next, left.length === 0)
    if (!stat?.isSymbolicLink()) {
      real = next
      continue
    }
    if (++links > MAX_LINKS) {
      throw Object.assign(new Error(`${path}: too many symbolic links`), { code: 'ELOOP' })
    }
    if (!isSelfOrRoot(stat.uid)) strangers.push({ path: next, uid: stat.uid })
    const target = resolve(real, readlinkSync(next))
    real = parse(target).root
    left.unshift(...target.slice(real.length).split(sep))
  }
  if (strangers.length > 0) requireOwn(strangers, real)
  return real
}

/** Undefined if nothing is there, which is an error except for the `last` name. */
function statOf(path: string, last: boolean): Stats | undefined {
  try {
    return lstatSync(path)
  } catch (error) {
    if (last && isErrno(error, 'ENOENT', 'ENAMETOOLONG')) return undefined
    throw error
  }
}

function requireOwn(links: readonly { path: string; uid: number }[], target: string): void {
  const owners = [statOf(target, true)?.uid, statSync(dirname(target)).uid]
  const bad = links.find(({ uid }) => !owners.includes(uid))
  if (bad === undefined) return
  throw Object.assign(
    new Error(`${bad.path} is a symbolic link made by ${userName(bad.uid)}; use ${target} itself`),
    { code: 'EACCES' },
  )
}

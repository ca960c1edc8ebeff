import type { Access } from './access.js'

// Grants: the values of --readers, --writers and --admins. `group:NAME`, `user:NAME`, or `*` for every user.

export type Grant = { readonly to: 'everyone' } | { readonly to: 'user' | 'group'; readonly name: string }

/** Grants by role. */
export type Grants = Readonly<Record<Access, readonly Grant[]>>

/** Reads one grant; undefined if it is none. */
export function parseGrant(text: string): Grant | undefined {
  if (text === '*') return { to: 'everyone' }
  const [, to, name] = /^(user|group):(\S.*)$/.exec(text) ?? []
  if (to === undefined || name === undefined || name.trimEnd() !== name) return undefined
  return { to: to as 'user' | 'group', name }
}

/**
 * Splits a list as an environment variable holds it. Names may contain spaces, so a new grant begins only where a space
 * is followed by `user:`, `group:` or `*`.
 */
export const splitGrants = (text: string): string[] => text.trim().split(/\s+(?=(?:user|group):|\*(?:\s|$))/)

/** Whether one of `grants` names this user, or one of its groups. */
export function names(
  grants: readonly Grant[],
  user: string,
  groups: readonly string[],
  ignoresCase = false,
): boolean {
  const fold = ignoresCase ? foldCase : (name: string) => name
  const folded = groups.map(fold)
  return grants.some((grant) => {
    if (grant.to === 'everyone') return false
    const name = fold(grant.name)
    return grant.to === 'user' ? name === fold(user) : folded.includes(name)
  })
}

/** As directories compare (RFC 4518): Unicode forms, case and the number of spaces don't count. */
const foldCase = (name: string): string => name.normalize('NFKC').toLowerCase().trim().replace(/ +/g, ' ')

export const isForEveryone = (grants: readonly Grant[]): boolean => grants.some(({ to }) => to === 'everyone')

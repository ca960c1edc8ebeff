import type { Access } from './access.js'

// Grants: the values of --readers, --writers and --admins. `group:NAME`, `user:NAME`, or `*` for every user.

export type Grant = { readonly to: 'everyone' } | { readonly to: 'user' | 'group'; readonly name: string }

/** Grants by role. */
export type Grants = Readonly<Record<Access, readonly Grant[]>>

/** Parses a grant; undefined if it is invalid. */
export function parseGrant(text: string): Grant | undefined {
  if (text === '*') return { to: 'everyone' }
  const [, to, name] = /^(user|group):(\S.*)$/.exec(text) ?? []
  if (to === undefined || name === undefined || name.trimEnd() !== name) return undefined
  return { to: to as 'user' | 'group', name }
}

/**
 * Splits the list in an environment variable. Names may contain spaces, so a new grant starts only where `user:`, `group:` or
 * `*` follows a space.
 */
export const splitGrants = (text: string): string[] => text.trim().split(/\s+(?=(?:user|group):|\*(?:\s|$))/)

/** Whether one of `grants` names this user or one of the user's groups. */
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

/** Normalizes names as directories do (RFC 4518): ignores Unicode forms, case and repeated spaces. */
const foldCase = (name: string): string => name.normalize('NFKC').toLowerCase().trim().replace(/ +/g, ' ')

export const isForEveryone = (grants: readonly Grant[]): boolean => grants.some(({ to }) => to === 'everyone')

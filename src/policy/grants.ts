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
export const names = (grants: readonly Grant[], user: string, groups: readonly string[]): boolean =>
  grants.some((grant) => {
    if (grant.to === 'everyone') return false
    return grant.to === 'user' ? grant.name === user : groups.includes(grant.name)
  })

export const isForEveryone = (grants: readonly Grant[]): boolean => grants.some(({ to }) => to === 'everyone')

import type { Connection } from './connection.js'
import { isSameDn } from './dn.js'
import { equals } from './filter.js'
import type { LdapSettings } from './options.js'
import { alike, type UserEntry, valuesOf } from './search.js'

/**
 * Whether the entry found belongs to the account that was bound. In Active Directory, one user's principal name may start
 * with another's account name, so the search may find the wrong user.
 */
export async function isBoundAs(
  connection: Connection,
  { url }: LdapSettings,
  user: UserEntry,
  bindName: string,
): Promise<boolean> {
  const identity = await connection.whoAmI()
  if (identity === undefined) return !(await isNameOfAnother(connection, url.base, user, bindName))
  const dn = /^dn:(.*)$/is.exec(identity)?.[1]
  if (dn !== undefined) return isSameDn(dn, user.dn)
  const account = /^u:(?:.*\\)?([^\\]*)$/is.exec(identity)?.[1]
  if (account === undefined) return false
  const names = ['sAMAccountName', 'uid', url.attribute].flatMap((attribute) =>
    valuesOf(user.attributes, attribute),
  )
  return names.some((name) => alike(name) === alike(account))
}

async function isNameOfAnother(
  connection: Connection,
  base: string,
  user: UserEntry,
  bindName: string,
): Promise<boolean> {
  const filter = equals('userPrincipalName', bindName)
  const { entries } = await connection.search({ base, scope: 'sub', filter, attributes: ['1.1'], limit: 2 })
  return entries.some(({ dn }) => !isSameDn(dn, user.dn))
}

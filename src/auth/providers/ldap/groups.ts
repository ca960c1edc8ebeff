import type { Filter } from 'ldapts'
import { type Connection, code } from './connection.js'
import { failureOf } from './diagnosis.js'
import { commonNameOf } from './dn.js'
import { allOf, anyOf, equals, fill, inChain, present } from './filter.js'
import type { LdapSettings } from './options.js'
import { alike, allValues, isPrintable, type UserEntry, valuesOf } from './search.js'

/** The names of a user's groups: their `cn`, without duplicates. */
export async function groupsOf(
  connection: Connection,
  settings: LdapSettings,
  user: UserEntry,
  isActiveDirectory: boolean,
): Promise<string[]> {
  const names =
    settings.groupBase === undefined
      ? await listedGroups(connection, user)
      : await searchedGroups(connection, settings, settings.groupBase, user, isActiveDirectory)
  const once = new Map<string, string>()
  for (const name of names) if (isPrintable(name) && !once.has(alike(name))) once.set(alike(name), name)
  return [...once.values()].sort()
}

/** The groups in the user's memberOf attribute, which the directory maintains. */
async function listedGroups(connection: Connection, user: UserEntry): Promise<string[]> {
  const names: string[] = []
  for (const dn of await allValues(connection, user, 'memberOf')) {
    const name = commonNameOf(dn)
    if (name !== undefined) names.push(name)
    else names.push(...(await namesOf(connection, dn)))
  }
  return names
}

/** Looks up the `cn` of a group whose DN does not start with it. */
async function namesOf(connection: Connection, dn: string): Promise<readonly string[]> {
  const query = {
    base: dn,
    scope: 'base',
    filter: present('objectClass'),
    attributes: ['cn'],
    limit: 1,
  } as const
  const { entries } = await connection.search(query)
  return entries[0] ? valuesOf(entries[0].attributes, 'cn').slice(0, 1) : []
}

async function searchedGroups(
  connection: Connection,
  settings: LdapSettings,
  base: string,
  user: UserEntry,
  isActiveDirectory: boolean,
): Promise<string[]> {
  const filter = groupFilter(settings, user, isActiveDirectory)
  const { entries, result } = await connection.search({
    base,
    scope: 'sub',
    filter,
    attributes: ['cn'],
    limit: 0,
  })
  // If the server limits the result, the missing groups grant nothing, which is safe.
  if (result.code !== code.success && result.code !== code.sizeLimitExceeded) {
    throw failureOf(connection.server, result, `the search for groups in ${base}`, true)
  }
  return entries.flatMap(({ dn, attributes }) => commonNameOf(dn) ?? valuesOf(attributes, 'cn').slice(0, 1))
}

function groupFilter(settings: LdapSettings, user: UserEntry, isActiveDirectory: boolean): Filter {
  const { groupFilter, groupFilterIsWhole, groupAttribute, url } = settings
  const login =
    valuesOf(user.attributes, 'uid')[0] ?? valuesOf(user.attributes, url.attribute)[0] ?? user.name
  if (groupFilter && groupFilterIsWhole) return fill(groupFilter, { dn: user.dn, user: login })
  const membership =
    groupAttribute === undefined
      ? usualMembership(user.dn, login, isActiveDirectory)
      : equals(groupAttribute, /uid$/i.test(groupAttribute) ? login : user.dn)
  return groupFilter ? allOf([groupFilter, membership]) : membership
}

function usualMembership(dn: string, login: string, isActiveDirectory: boolean): Filter {
  if (isActiveDirectory) return allOf([equals('objectClass', 'group'), inChain('member', dn)])
  const lists = (objectClass: string, attribute: string, value: string) =>
    allOf([equals('objectClass', objectClass), equals(attribute, value)])
  return anyOf([
    lists('groupOfNames', 'member', dn),
    lists('groupOfUniqueNames', 'uniqueMember', dn),
    lists('posixGroup', 'memberUid', login),
  ])
}

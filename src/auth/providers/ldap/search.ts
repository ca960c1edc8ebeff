import type { Attributes, Entry } from './ber.js'
import { type Connection, code } from './connection.js'
import { failureOf, PASSWORD_ATTRIBUTES, STATE_ATTRIBUTES } from './diagnosis.js'
import { filterFor, present } from './filter.js'
import type { LdapSettings } from './options.js'

export interface UserEntry extends Entry {
  /** The user name, as the directory spells it. */
  readonly name: string
}

/** All entries that match a name; a login needs exactly one. */
export async function findUsers(
  connection: Connection,
  settings: LdapSettings,
  name: string,
): Promise<readonly UserEntry[]> {
  const { url, filter } = settings
  const { base, scope, attribute } = url
  const attributes = attributesOf(settings)
  const query = { base, scope, filter: filterFor(filter, attribute, name), attributes, limit: 2 }
  const { entries, result } = await connection.search(query)
  const isCut = result.code === code.sizeLimitExceeded
  if (result.code !== code.success && !isCut)
    throw failureOf(connection.server, result, `the search in ${base || '""'}`)
  const users = entries.map((entry) => userOf(entry, settings, name))
  // The server has more matches than it sent, so a single entry must not pass as the only one.
  return isCut && users.length === 1 ? [...users, ...users] : users
}

/** Reads the entry with this DN, if it matches the URL's filter. */
export async function readUser(
  connection: Connection,
  settings: LdapSettings,
  dn: string,
  name: string,
): Promise<UserEntry | undefined> {
  const query = {
    base: dn,
    scope: 'base',
    filter: settings.filter,
    attributes: attributesOf(settings),
    limit: 1,
  } as const
  const { entries, result } = await connection.search(query)
  if (result.code === code.noSuchObject) return undefined
  if (result.code !== code.success) throw failureOf(connection.server, result, `the search for ${dn}`)
  return entries[0] && userOf(entries[0], settings, name)
}

function attributesOf({ url, userAttribute, groupBase }: LdapSettings): string[] {
  const attributes = [
    url.attribute,
    userAttribute,
    'uid',
    'sAMAccountName',
    ...STATE_ATTRIBUTES,
    ...PASSWORD_ATTRIBUTES,
  ]
  if (groupBase === undefined) attributes.push('memberOf')
  return [...new Set(attributes)]
}

/** The claimed name may differ in case and insignificant spaces, so the directory's spelling is used. */
function userOf(entry: Entry, { url, userAttribute }: LdapSettings, claimed: string): UserEntry {
  const values = entry.attributes.get(userAttribute.toLowerCase()) ?? []
  const isAsClaimed = userAttribute.toLowerCase() === url.attribute.toLowerCase()
  const name =
    (isAsClaimed && (values.find((v) => v === claimed) ?? values.find((v) => alike(v) === alike(claimed)))) ||
    values[0]
  return { ...entry, name: name ?? '' }
}

/** Whether a name is safe in headers and logs. */
export const isPrintable = (name: string): boolean => name !== '' && !/[\0-\x1f\x7f-\x9f]/.test(name)

/** Normalizes text as caseIgnoreMatch does in directories (RFC 4517). */
export const alike = (text: string): string => text.normalize('NFKC').toLowerCase().trim().replace(/ +/g, ' ')

/** Reads all values of an attribute. Active Directory sends 1,500 at a time. */
export async function allValues(
  connection: Connection,
  entry: Entry,
  attribute: string,
): Promise<readonly string[]> {
  const values = [...valuesOf(entry.attributes, attribute)]
  let next = rangeOf(entry.attributes, attribute)
  while (next !== undefined && next.values.length > 0) {
    values.push(...next.values)
    if (next.end === undefined) break
    const query = { base: entry.dn, scope: 'base', filter: present('objectClass'), limit: 1 } as const
    const attributes = [`${attribute};range=${next.end + 1}-*`]
    const { entries } = await connection.search({ ...query, attributes })
    next = entries[0] && rangeOf(entries[0].attributes, attribute)
  }
  return values
}

export const valuesOf = (attributes: Attributes, name: string): readonly string[] =>
  attributes.get(name.toLowerCase()) ?? []

/** Changes when the password does, where the directory shows when that was: at the first change, or at all of them. */
export const passwordMarkOf = (attributes: Attributes): string =>
  PASSWORD_ATTRIBUTES.flatMap((name) => valuesOf(attributes, name).map((value) => `${name}=${value}`)).join(
    ' ',
  )

function rangeOf(
  attributes: Attributes,
  name: string,
): { values: readonly string[]; end?: number } | undefined {
  const prefix = `${name.toLowerCase()};range=`
  for (const [attribute, values] of attributes) {
    if (!attribute.startsWith(prefix)) continue
    const end = /-(\d+)$/.exec(attribute)?.[1]
    return end === undefined ? { values } : { values, end: Number(end) }
  }
  return undefined
}

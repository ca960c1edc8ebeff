import { readFileSync } from 'node:fs'
import type { Filter } from 'ldapts'
import { HtgateError } from '../../../errors.js'
import { readAuthorities } from '../../../system/authorities.js'
import { reason } from '../../../system/errno.js'
import { hasPlaceholder, parseFilter } from './filter.js'
import { isAttribute, isLocal, type LdapUrl, nameOf, parseLdapUrl } from './url.js'

/**
 * A directory server (LDAP version 3). An option that contradicts another, or would send passwords to another machine in plain
 * text, is an error (HtgateError ERR_OPTION).
 */
export interface LdapOptions {
  /** A URL as in RFC 4516, interpreted like Apache's `AuthLDAPURL`: `ldaps://HOST/BASE?ATTRIBUTE?SCOPE?FILTER`. */
  url: string
  /** The DN of the service account, which searches. Default: searches are anonymous. */
  bindDn?: string | undefined
  /** The service account's password. Required with `bindDn`, unless there is a `bindPasswordFile`. */
  bindPassword?: string | undefined
  /** Path of a file with that password on its first line; read at each login. */
  bindPasswordFile?: string | undefined
  /**
   * Binds as the user, without a service account; `{}` stands for the user name. Either a DN
   * (`uid={},ou=people,dc=example,dc=org`) or a name for Active Directory (`{}@corp.example.org`).
   */
  bindAs?: string | undefined
  /** Path of the certificate authorities to trust for the directory, in PEM. Default: those that Node trusts. */
  ca?: string | undefined
  /** Whether to start TLS on `ldap://` connections. Default false. */
  startTls?: boolean | undefined
  /** The DN to search for groups below. Default: groups come from the user's `memberOf`. */
  groupBase?: string | undefined
  /** Groups to consider; with `{dn}` or `{user}`, it also decides membership. Default: those of the usual classes. */
  groupFilter?: string | undefined
  /** The attribute of a group that lists its members. Default: `member`, `uniqueMember` or `memberUid`, by object class. */
  groupAttribute?: string | undefined
  /** The attribute of the user's entry to use as the user name. Default: the one in the URL. */
  userAttribute?: string | undefined
  /** How long a login may wait for the directory, in milliseconds. 100 to 300,000. Default 10,000. */
  timeout?: number | undefined
  /** How long a login is cached, in milliseconds. 0 to 86,400,000. Default 300,000, 5 minutes. */
  ttl?: number | undefined
  /** Number of logins to cache. 0 to 10,000,000. Default 10,000. */
  cacheSize?: number | undefined
  /** Number of logins to verify at a time; each takes two connections. 1 to 1000. Default 8. */
  concurrency?: number | undefined
}

export interface LdapSettings {
  readonly url: LdapUrl
  readonly security: LdapUrl['security']
  /** The filter in the URL. */
  readonly filter: Filter
  readonly bindDn: string | undefined
  readonly bindPassword: string | undefined
  readonly bindPasswordFile: string | undefined
  readonly bindAs: string | undefined
  readonly ca: string | undefined
  readonly groupBase: string | undefined
  readonly groupFilter: Filter | undefined
  /** Whether the filter decides membership. */
  readonly groupFilterIsWhole: boolean
  readonly groupAttribute: string | undefined
  readonly userAttribute: string
  readonly timeout: number
  readonly ttl: number
  readonly cacheSize: number
  readonly concurrency: number
}

/**
 * The options with their defaults.
 * @throws HtgateError ERR_OPTION
 */
export function ldapSettings(options: LdapOptions): LdapSettings {
  const { bindDn, bindPassword, bindPasswordFile, bindAs, groupBase, groupFilter, groupAttribute } = options
  if (typeof options.url !== 'string') throw wrong('ldap.url', 'must be an LDAP URL')
  const url = parseLdapUrl(options.url)
  if (options.startTls && url.security === 'tls') throw wrong('ldap.startTls', 'cannot be used with ldaps://')
  const security = options.startTls ? 'starttls' : url.security
  const exposed = security === 'none' && url.endpoints.find((endpoint) => !isLocal(endpoint))
  if (exposed) {
    throw wrong(
      'ldap.url',
      `would send passwords to ${nameOf(exposed)} in plain text; use ldaps://, or ldap:// with StartTLS (--ldap-starttls)`,
    )
  }
  if (bindDn === '') throw wrong('ldap.bindDn', 'must not be empty')
  if (bindDn !== undefined && bindAs !== undefined)
    throw wrong('ldap.bindDn', 'cannot be used with ldap.bindAs')
  if (bindPassword !== undefined && bindPasswordFile !== undefined) {
    throw wrong('ldap.bindPassword', 'cannot be used with ldap.bindPasswordFile')
  }
  if ((bindDn === undefined) !== (bindPassword === undefined && bindPasswordFile === undefined)) {
    throw wrong(
      'ldap.bindDn',
      'requires ldap.bindPassword or ldap.bindPasswordFile (--ldap-bind-password-file), and they require it',
    )
  }
  if (bindPassword === '') throw wrong('ldap.bindPassword', 'must not be empty: the bind would be anonymous')
  if (bindPasswordFile !== undefined && passwordIn(read('bindPasswordFile', bindPasswordFile)) === '') {
    throw wrong('ldap.bindPasswordFile', `has no password on its first line: ${bindPasswordFile}`)
  }
  if (bindAs !== undefined && bindAs.split('{}').length !== 2) {
    throw wrong('ldap.bindAs', "must contain {} exactly once, in place of the user's name")
  }
  if (groupBase === undefined && (groupFilter ?? groupAttribute) !== undefined) {
    throw wrong(
      groupFilter === undefined ? 'ldap.groupAttribute' : 'ldap.groupFilter',
      'requires ldap.groupBase',
    )
  }
  for (const name of ['groupAttribute', 'userAttribute'] as const) {
    const attribute = options[name]
    if (attribute !== undefined && !isAttribute(attribute))
      throw wrong(`ldap.${name}`, 'is not an attribute name')
  }
  if (groupFilter !== undefined && groupAttribute !== undefined && hasPlaceholder(groupFilter)) {
    throw wrong('ldap.groupAttribute', 'has no effect with {dn} or {user} in ldap.groupFilter')
  }
  return {
    url,
    security,
    filter: parseFilter(url.filter, 'the filter of ldap.url'),
    bindDn,
    bindPassword,
    bindPasswordFile,
    bindAs,
    ca: options.ca === undefined ? undefined : readAuthorities(options.ca, (why) => wrong('ldap.ca', why)),
    groupBase,
    groupFilter: groupFilter === undefined ? undefined : parseFilter(groupFilter, 'ldap.groupFilter'),
    groupFilterIsWhole: groupFilter !== undefined && hasPlaceholder(groupFilter),
    groupAttribute,
    userAttribute: options.userAttribute ?? url.attribute,
    timeout: integer('timeout', options.timeout ?? 10_000, 100, 300_000),
    ttl: integer('ttl', options.ttl ?? 300_000, 0, 86_400_000),
    cacheSize: integer('cacheSize', options.cacheSize ?? 10_000, 0, 10_000_000),
    concurrency: integer('concurrency', options.concurrency ?? 8, 1, 1000),
  }
}

function read(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw wrong(`ldap.${name}`, `cannot be read: ${path}: ${reason(error as Error)}`)
  }
}

/** The password in a password file: its first line. */
export const passwordIn = (content: string): string => /^[^\r\n]*/.exec(content)?.[0] ?? ''

function integer(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw wrong(`ldap.${name}`, `must be an integer from ${least} to ${most}, not ${value}`)
}

const wrong = (name: string, why: string) => new HtgateError('ERR_OPTION', `option ${name} ${why}`)

import { parseLdapUrl } from '../../auth/providers/ldap/url.js'
import { errors } from '../messages.js'
import { group, optional, toggle, type Values, withDefault } from './declaration.js'
import { path, seconds, text } from './parsers.js'

/** Logins against a directory server. */
export const ldap = group(
  'LDAP',
  {
    ldapUrl: optional(
      {
        argument: 'url',
        help: 'directory server, as in RFC 4516 and Apache’s AuthLDAPURL: ldaps://HOST/BASE, optionally followed by ?ATTRIBUTE?SCOPE?FILTER; separate several hosts by spaces. --file and --ldap-url are tried in the order given',
      },
      url,
    ),
    ldapBindDn: optional(
      {
        argument: 'dn',
        help: 'DN of the service account, which searches for users and groups',
        defaultText: 'anonymous',
      },
      notEmpty,
    ),
    ldapBindPasswordFile: optional(
      {
        argument: 'path',
        help: 'file with the service account’s password on its first line; read at each login, so it can be replaced at any time',
      },
      path,
    ),
    ldapBindAs: optional(
      {
        argument: 'template',
        help: 'bind as the user, without a service account; {} stands for the user name: {}@corp.example.org for Active Directory, or a DN such as uid={},ou=people,dc=corp',
      },
      template,
    ),
    ldapStarttls: toggle(
      'start TLS on ldap:// connections; without it, ldap:// is only allowed to this machine',
    ),
    ldapCa: optional(
      {
        argument: 'path',
        help: 'certificates (PEM) to trust for the directory',
        defaultText: 'those that Node trusts',
      },
      path,
    ),
    ldapGroupBase: optional(
      {
        argument: 'dn',
        help: 'search for the user’s groups below this entry',
        defaultText: 'groups come from the user’s memberOf',
      },
      notEmpty,
    ),
    ldapGroupFilter: optional(
      {
        argument: 'filter',
        help: 'groups to consider; a filter with {dn} or {user} in it also decides membership',
        defaultText:
          'groupOfNames, groupOfUniqueNames and posixGroup; in Active Directory, nested groups too',
      },
      notEmpty,
    ),
    ldapGroupAttribute: optional(
      {
        argument: 'name',
        help: 'attribute of a group that lists its members',
        defaultText: 'member, uniqueMember or memberUid, by object class',
      },
      notEmpty,
    ),
    ldapUserAttribute: optional(
      {
        argument: 'name',
        help: 'attribute of the user’s entry to use as the user name',
        defaultText: 'the one in the URL',
      },
      notEmpty,
    ),
    ldapTimeout: withDefault(
      {
        argument: 'seconds',
        help: 'how long a login may wait for the directory; after that, it gets 503',
        default: '10',
        unit: 's',
      },
      timeout,
    ),
    ldapTtl: withDefault(
      {
        argument: 'seconds',
        help: 'how long a login is cached, and so how long a change in the directory may take to become effective; logins in use are verified again in the background after half that time',
        default: '300',
        unit: 's',
      },
      seconds,
    ),
  },
  (values, named) => {
    const { ldapUrl, ldapBindDn, ldapBindPasswordFile, ldapBindAs, ldapGroupBase } = values
    for (const key of DEPENDENT) {
      if (values[key] && ldapUrl === undefined) throw errors.needs(named(key), named('ldapUrl'))
    }
    if (ldapBindAs !== undefined && ldapBindDn !== undefined) {
      throw errors.conflict(named('ldapBindAs'), named('ldapBindDn'))
    }
    if (ldapBindDn !== undefined && ldapBindPasswordFile === undefined) {
      throw errors.needs(named('ldapBindDn'), named('ldapBindPasswordFile'))
    }
    if (ldapBindPasswordFile !== undefined && ldapBindDn === undefined) {
      throw errors.needs(named('ldapBindPasswordFile'), named('ldapBindDn'))
    }
    for (const key of ['ldapGroupFilter', 'ldapGroupAttribute'] as const) {
      if (values[key] !== undefined && ldapGroupBase === undefined) {
        throw errors.needs(named(key), named('ldapGroupBase'))
      }
    }
  },
)

const DEPENDENT = [
  'ldapBindDn',
  'ldapBindPasswordFile',
  'ldapBindAs',
  'ldapStarttls',
  'ldapCa',
  'ldapGroupBase',
  'ldapGroupFilter',
  'ldapGroupAttribute',
  'ldapUserAttribute',
] as const

export type LdapValues = Values<typeof ldap.options>

/** Validated here, so that a mistake is reported without loading the LDAP client. */
function url(name: string, given: string): string {
  try {
    parseLdapUrl(given)
    return given
  } catch (error) {
    throw errors.option(`${name}: ${(error as Error).message}`)
  }
}

function notEmpty(name: string, given: string): string {
  if (given.trim() === '') throw errors.badOption(name, given, 'a non-empty value')
  return text(name, given)
}

function template(name: string, given: string): string {
  if (given.split('{}').length !== 2) throw errors.badOption(name, given, 'a template with exactly one {}')
  return given
}

function timeout(name: string, given: string): number {
  const milliseconds = seconds(name, given)
  if (milliseconds < 100 || milliseconds > 300_000) {
    throw errors.badOption(name, given, 'a number of seconds from 0.1 to 300')
  }
  return milliseconds
}

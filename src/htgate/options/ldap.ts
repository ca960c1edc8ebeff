import { parseLdapUrl } from '../../auth/providers/ldap/url.js'
import { errors } from '../messages.js'
import { group, optional, toggle, type Values, withDefault } from './declaration.js'
import { path, seconds, text } from './parsers.js'

/** Logins by a directory server. */
export const ldap = group(
  'LDAP',
  {
    ldapUrl: optional(
      {
        argument: 'url',
        help: 'directory to ask, as in RFC 4516 and Apache’s AuthLDAPURL: ldaps://HOST/BASE and, each after a question mark, attribute, scope and filter; several hosts are separated by spaces. With --file too, they are asked in the order given',
      },
      url,
    ),
    ldapBindDn: optional(
      {
        argument: 'dn',
        help: 'account that searches for users and groups',
        defaultText: 'search anonymously',
      },
      notEmpty,
    ),
    ldapBindPasswordFile: optional(
      {
        argument: 'path',
        help: 'file whose first line is that account’s password; read at each login, so it can be replaced at any time',
      },
      path,
    ),
    ldapBindAs: optional(
      {
        argument: 'template',
        help: 'log in as the user, without an account that searches; {} stands for the name: {}@corp.example.org for Active Directory, or a DN such as uid={},ou=people,dc=corp',
      },
      template,
    ),
    ldapStarttls: toggle('start TLS on ldap:// connections; without it, ldap:// reaches this machine only'),
    ldapCa: optional(
      {
        argument: 'path',
        help: 'certificates (PEM) to trust for the directory',
        defaultText: 'those of Node',
      },
      path,
    ),
    ldapGroupBase: optional(
      {
        argument: 'dn',
        help: 'search for the user’s groups under this entry',
        defaultText: 'groups are those of memberOf',
      },
      notEmpty,
    ),
    ldapGroupFilter: optional(
      {
        argument: 'filter',
        help: 'which groups count; with {dn} or {user} in it, also whose they are',
        defaultText: 'groupOfNames, groupOfUniqueNames and posixGroup; in Active Directory nested groups too',
      },
      notEmpty,
    ),
    ldapGroupAttribute: optional(
      {
        argument: 'name',
        help: 'attribute of a group that lists its members',
        defaultText: 'member, uniqueMember or memberUid, by class',
      },
      notEmpty,
    ),
    ldapUserAttribute: optional(
      {
        argument: 'name',
        help: 'attribute of the user’s entry that becomes the user name',
        defaultText: 'the one in the URL',
      },
      notEmpty,
    ),
    ldapTimeout: withDefault(
      {
        argument: 'seconds',
        help: 'how long the directory may take for a login; beyond that, logins are answered 503',
        default: '10',
        unit: 's',
      },
      timeout,
    ),
    ldapTtl: withDefault(
      {
        argument: 'seconds',
        help: 'how long a login is remembered; while in use it is verified again in the background after half of it, so changes in the directory take effect within it',
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

/** Checked here, so that a mistake is found without loading what talks to directories. */
function url(name: string, given: string): string {
  try {
    parseLdapUrl(given)
    return given
  } catch (error) {
    throw errors.option(`${name}: ${(error as Error).message}`)
  }
}

function notEmpty(name: string, given: string): string {
  if (given.trim() === '') throw errors.badOption(name, given, 'a value')
  return text(name, given)
}

function template(name: string, given: string): string {
  if (given.split('{}').length !== 2) throw errors.badOption(name, given, 'a template with {} in it once')
  return given
}

function timeout(name: string, given: string): number {
  const milliseconds = seconds(name, given)
  if (milliseconds < 100 || milliseconds > 300_000) {
    throw errors.badOption(name, given, 'a number of seconds from 0.1 to 300')
  }
  return milliseconds
}

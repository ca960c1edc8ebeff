import { isIP } from 'node:net'
import { HtgateError } from '../../../errors.js'
import { withoutUserinfo } from '../../../system/without-userinfo.js'

/** Where a directory server listens. */
export type Endpoint = TcpEndpoint | SocketEndpoint

export interface TcpEndpoint {
  readonly host: string
  readonly port: number
}

/** A Unix socket (`ldapi:`). */
export interface SocketEndpoint {
  readonly path: string
}

export type Scope = 'base' | 'one' | 'sub'

/** A parsed LDAP URL. */
export interface LdapUrl {
  /** Tried in this order until one responds. */
  readonly endpoints: readonly Endpoint[]
  readonly security: 'none' | 'tls' | 'starttls'
  /** The DN to search below. */
  readonly base: string
  /** The attribute to compare with the user's name. */
  readonly attribute: string
  readonly scope: Scope
  /** A filter that entries must match to log in, as in RFC 4515. */
  readonly filter: string
}

const DEFAULT_PORT = { ldap: 389, ldaps: 636 }
const ATTRIBUTE = /^(?:[a-z][a-z0-9-]*|\d+(?:\.\d+)+)(?:;[a-z0-9-]+)*$/i

/**
 * Parses an LDAP URL (RFC 4516) as Apache's `AuthLDAPURL` does: spaces separate several hosts; `uid`, `sub` and
 * `(objectClass=*)` are the defaults; only the first attribute is used; and `STARTTLS`, `SSL`, `TLS` or `NONE` may follow.
 *
 * @throws HtgateError ERR_OPTION
 */
export function parseLdapUrl(text: string): LdapUrl {
  const [, bare = text, mode = ''] = /^(.*?)\s+(NONE|SSL|TLS|STARTTLS)\s*$/is.exec(text) ?? []
  const [, scheme = '', authority = '', , path = ''] =
    /^(ldaps?|ldapi):\/\/([^/?]*)(\/(.*))?$/is.exec(bare.trim()) ?? []
  if (scheme === '') {
    throw wrong(text, 'is not an LDAP URL', 'ldaps://HOST/BASE?ATTRIBUTE?SCOPE?FILTER, as in RFC 4516')
  }
  const [base = '', attributes = '', scope = '', filter = '', extensions = '', ...more] = path.split('?')
  if (more.length > 0) throw wrong(text, 'has too many question marks', 'write one in a filter as %3F')
  const critical = extensions.split(',').find((extension) => extension.startsWith('!'))
  if (critical !== undefined) throw wrong(text, `requires the unknown extension ${critical}`)
  const secure = scheme.toLowerCase() === 'ldaps' || /^(SSL|TLS)$/i.test(mode)
  return {
    endpoints: endpointsOf(text, scheme.toLowerCase(), secure, authority),
    security: /^STARTTLS$/i.test(mode) ? 'starttls' : secure ? 'tls' : 'none',
    base: decode(text, base),
    attribute: attributeOf(text, decode(text, attributes)),
    scope: scopeOf(text, scope),
    filter: decode(text, filter).trim() || '(objectClass=*)',
  }
}

function endpointsOf(text: string, scheme: string, secure: boolean, authority: string): Endpoint[] {
  if (scheme === 'ldapi') {
    const path = decode(text, authority)
    if (!path.startsWith('/'))
      throw wrong(text, 'has no socket', 'write its path as ldapi://%2Frun%2Fslapd%2Fldapi/…')
    return [{ path }]
  }
  const hosts = decode(text, authority).split(/\s+/).filter(Boolean)
  if (hosts.length === 0) throw wrong(text, 'has no host')
  return hosts.map((host) => endpointOf(text, host, secure ? DEFAULT_PORT.ldaps : DEFAULT_PORT.ldap))
}

function endpointOf(text: string, written: string, defaultPort: number): TcpEndpoint {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]@]+))(?::(\d{1,5}))?$/.exec(written) ?? []
  const host = bracketed ?? plain
  const port = digits === undefined ? defaultPort : Number(digits)
  if (host === undefined || port < 1 || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw wrong(
      text,
      `has the host ${JSON.stringify(withoutUserinfo(written))}, which is not HOST or HOST:PORT`,
    )
  }
  return { host, port }
}

function attributeOf(text: string, list: string): string {
  const attribute = list.split(',', 1)[0]?.trim() || 'uid'
  if (!isAttribute(attribute)) throw wrong(text, `has the invalid attribute ${JSON.stringify(attribute)}`)
  return attribute
}

function scopeOf(text: string, scope: string): Scope {
  const lower = scope.toLowerCase() || 'sub'
  if (lower === 'base' || lower === 'one' || lower === 'sub') return lower
  throw wrong(text, `has the invalid scope ${JSON.stringify(scope)}`, 'use sub, one or base')
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw wrong(
      text,
      'has a percent sign that is not followed by two hexadecimal digits of UTF-8',
      'write % as %25',
    )
  }
}

export const isAttribute = (text: string): boolean => ATTRIBUTE.test(text)

/** Whether everything sent to the endpoint stays on this machine. */
export function isLocal(endpoint: Endpoint): boolean {
  if ('path' in endpoint) return true
  const host = endpoint.host.toLowerCase()
  if (isIP(host) === 4) return host.startsWith('127.')
  return host === '::1' || host === 'localhost' || host.endsWith('.localhost')
}

/** For messages: `ldap.example.org:636`. */
export function nameOf(endpoint: Endpoint): string {
  if ('path' in endpoint) return endpoint.path
  return `${isIP(endpoint.host) === 6 ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`
}

const wrong = (text: string, why: string, hint?: string) =>
  new HtgateError(
    'ERR_OPTION',
    `LDAP URL ${JSON.stringify(withoutUserinfo(text))} ${why}${hint ? `; ${hint}` : ''}`,
  )

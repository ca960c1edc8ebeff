// The gate's own cookies: the session, and one per login in progress, so that tabs do not interfere with each other. Because
// of the prefix `__Host-` (RFC 6265bis), no other host or subdomain can set them, nor can plain HTTP. Names are therefore
// compared as browsers do: a name that starts with, say, U+00A0 is another one, which a subdomain can set.

import { trimWhitespace } from '../../http1/grammar.js'

const SESSION = 'htgate'
const LOGIN = 'htgate-login-'
const SECURE_PREFIX = '__Host-'

/** The names differ for plain HTTP, which is allowed on this machine only. */
export const sessionCookie = (isSecure: boolean): string => (isSecure ? SECURE_PREFIX : '') + SESSION
export const loginCookie = (isSecure: boolean, state: string): string =>
  `${isSecure ? SECURE_PREFIX : ''}${LOGIN}${state.slice(0, 8)}`

/** The value of a Set-Cookie header. */
export function setCookie(name: string, value: string, maxAge: number): string {
  const secure = name.startsWith(SECURE_PREFIX) ? '; Secure' : ''
  return `${name}=${value}; Path=/; Max-Age=${Math.floor(maxAge)}; HttpOnly; SameSite=Lax${secure}`
}

export const removeCookie = (name: string): string => setCookie(name, '', 0)

/** The value of the first cookie with this name. */
export function cookieIn(header: string | undefined, name: string): string | undefined {
  if (header === undefined || !header.includes(name)) return undefined
  // Runs on each request with a session, so it parses no more than needed.
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals !== -1 && trimWhitespace(pair.slice(0, equals)) === name) return unquoted(pair, equals)
  }
  return undefined
}

/** Whether the header has a session cookie, valid or not. */
export const holdsSession = (header: string): boolean =>
  cookieIn(header, sessionCookie(true)) !== undefined || cookieIn(header, sessionCookie(false)) !== undefined

/** The cookies of logins in progress. */
export function loginCookiesIn(
  header: string | undefined,
  isSecure: boolean,
): { name: string; value: string }[] {
  const prefix = (isSecure ? SECURE_PREFIX : '') + LOGIN
  return header?.includes(prefix) ? pairs(header).filter(({ name }) => name.startsWith(prefix)) : []
}

/** The Cookie header without the gate's own cookies, otherwise unchanged; undefined if none is left. */
export function withoutOwnCookies(header: string): string | undefined {
  if (!header.includes(SESSION)) return header
  const kept = header.split(';').filter((pair) => !isOwn(trimWhitespace(pair.split('=', 1)[0] as string)))
  const rest = kept.join(';').replace(/^[ \t]+/, '')
  return rest === '' ? undefined : rest
}

function isOwn(name: string): boolean {
  const bare = name.startsWith(SECURE_PREFIX) ? name.slice(SECURE_PREFIX.length) : name
  return bare === SESSION || bare.startsWith(LOGIN)
}

function pairs(header: string): { name: string; value: string }[] {
  return header.split(';').map((pair) => {
    const equals = pair.indexOf('=')
    if (equals === -1) return { name: '', value: trimWhitespace(pair) }
    return { name: trimWhitespace(pair.slice(0, equals)), value: unquoted(pair, equals) }
  })
}

const unquoted = (pair: string, equals: number): string =>
  trimWhitespace(pair.slice(equals + 1)).replace(/^"(.*)"$/, '$1')

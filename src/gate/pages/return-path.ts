// The page to return to after a login: always on this host, whatever a link may say (open redirects).

const MAX_LENGTH = 1500
const NOWHERE = 'http://gate.invalid'

/** `text` if browsers read it as a path on this host, with or without query and fragment; otherwise `/`. */
export function returnPath(text: string | undefined, isLogin: (path: string) => boolean): string {
  if (text === undefined || text.length > MAX_LENGTH) return '/'
  // Browsers read \ as /, drop tabs and line breaks, and resolve //host to another host.
  if (!/^\/(?![/\\])[\x21-\x7e]*$/.test(text) || text.includes('\\')) return '/'
  if (!URL.canParse(text, NOWHERE)) return '/'
  const { origin, pathname } = new URL(text, NOWHERE)
  // After resolving /./ and /../, the path may start with // again.
  if (origin !== NOWHERE || pathname.startsWith('//')) return '/'
  return isLogin(pathname) ? '/' : text
}

/** A fragment to append to a path, as the login script sent it, or an empty string if it is invalid. */
export function fragmentOf(text: string | null): string {
  return text !== null && text.length <= MAX_LENGTH && /^#[\x21-\x7e]*$/.test(text) ? text : ''
}

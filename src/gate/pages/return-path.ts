// Where a person is led back to after the login: a place on this host, whatever the link said that brought her here.

const MAX_LENGTH = 1500
const NOWHERE = 'http://gate.invalid'

/** `text`, if it is a path on this host that browsers take for one; or else `/`. May have a query and a fragment. */
export function returnPath(text: string | undefined, isLogin: (path: string) => boolean): string {
  if (text === undefined || text.length > MAX_LENGTH) return '/'
  // Browsers read \ as /, drop tabs and line breaks, and take //host for another host.
  if (!/^\/(?![/\\])[\x21-\x7e]*$/.test(text) || text.includes('\\')) return '/'
  if (!URL.canParse(text, NOWHERE)) return '/'
  const { origin, pathname } = new URL(text, NOWHERE)
  // What /./ and /../ leave may start with // again.
  if (origin !== NOWHERE || pathname.startsWith('//')) return '/'
  return isLogin(pathname) ? '/' : text
}

/** A fragment to add to a path, as a script has read it from the address; or nothing. */
export function fragmentOf(text: string | null): string {
  return text !== null && text.length <= MAX_LENGTH && /^#[\x21-\x7e]*$/.test(text) ? text : ''
}

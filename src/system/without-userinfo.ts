/**
 * Hides what may be a user name and a password in a URL, for messages. The text need not be a valid URL: a password may contain
 * any character, and the scheme may be missing, so everything up to the last `@` is removed.
 */
export const withoutUserinfo = (text: string): string =>
  text.replace(/^([a-z][a-z0-9+.-]*:\/+)?.*@/is, '$1…@')

/**
 * The value of `WWW-Authenticate` for `realm` (RFC 7617, section 2.1), which must be ASCII.
 *
 * @example
 * challenge('The lab') // → 'Basic realm="The lab", charset="UTF-8"'
 */
export function challenge(realm: string): string {
  return `Basic realm=${quoted(realm)}, charset="UTF-8"`
}

/** The same for bearer tokens (RFC 6750, section 3). */
export const bearerChallenge = (realm: string): string => `Bearer realm=${quoted(realm)}`

const quoted = (realm: string): string => `"${realm.replace(/["\\]/g, '\\$&')}"`

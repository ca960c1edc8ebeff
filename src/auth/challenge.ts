/**
 * The value of `WWW-Authenticate` for `realm` (RFC 7617, section 2.1), which has to be ASCII.
 *
 * @example
 * challenge('The lab') // → 'Basic realm="The lab", charset="UTF-8"'
 */
export function challenge(realm: string): string {
  return `Basic realm="${realm.replace(/["\\]/g, '\\$&')}", charset="UTF-8"`
}

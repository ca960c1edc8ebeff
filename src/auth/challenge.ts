import type { Provider } from './provider.js'

/**
 * The value of `WWW-Authenticate` for `realm` (RFC 7617, section 2.1), which must be ASCII.
 *
 * @example
 * challenge('The lab') // → 'Basic realm="The lab", charset="UTF-8"'
 */
export function challenge(realm: string): string {
  return `Basic realm=${quoted(realm)}, charset="UTF-8"`
}

/**
 * The same for bearer tokens (RFC 6750, section 3).
 *
 * @example
 * bearerChallenge('The lab') // → 'Bearer realm="The lab"'
 */
export const bearerChallenge = (realm: string): string => `Bearer realm=${quoted(realm)}`

/** The challenges for all that the providers accept. */
export function challengesOf(
  realm: string,
  providers: readonly Pick<Provider, 'schemes'>[],
): readonly string[] {
  const schemes = new Set(providers.flatMap(({ schemes = ['basic'] }) => schemes))
  const basic = schemes.has('basic') ? [challenge(realm)] : []
  // RFC 9110, section 11.6.1, requires a challenge in every 401.
  return schemes.has('bearer') || basic.length === 0 ? [...basic, bearerChallenge(realm)] : basic
}

const quoted = (realm: string): string => `"${realm.replace(/["\\]/g, '\\$&')}"`

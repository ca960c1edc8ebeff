import type { Profile } from '../policy/profile.js'

// What the upstream is told that it is called. MLflow answers only to names that it knows, and only to pages of these
// names, while people open the gate by any name.

/** Names of the machine itself, which MLflow knows with any port. */
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i

/** Host and Origin for the upstream. */
export interface UpstreamName {
  readonly host: string
  readonly origin: string | undefined
}

export interface Names {
  /** --upstream-host. */
  readonly fixed: string | undefined
  /** What the profile gives the application; undefined: the client's own. */
  readonly usual: string | undefined
  /** The upstream's scheme. */
  readonly scheme: string
}

/** How the upstream is called, whatever the client calls the gate. */
export const namesOf = (profile: Profile, origin: string, fixed: string | undefined): Names => {
  const { protocol, port } = new URL(origin)
  const scheme = protocol.slice(0, -1)
  return { fixed, usual: profile.hostFor(port), scheme }
}

/**
 * The Host and the Origin to send.
 *
 * @param host the client's
 * @param isOwnPage whether a page of the gate's own origin sent the request: it becomes one of the upstream's
 */
export function upstreamName(
  { fixed, usual, scheme }: Names,
  host: string,
  origin: string | undefined,
  isOwnPage: boolean,
): UpstreamName {
  const sent = fixed ?? (usual === undefined || LOOPBACK.test(host) ? host : usual)
  if (origin === undefined || !isOwnPage) return { host: sent, origin }
  if (sent === host && origin !== 'null') return { host: sent, origin }
  return { host: sent, origin: `${scheme}://${sent}` }
}

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

export class UpstreamNames {
  readonly #fixed: string | undefined
  /** What the profile calls the application; undefined: as the client does. */
  #usual: string | undefined
  readonly #scheme: string

  /**
   * @param upstream the upstream's origin
   * @param fixed --upstream-host
   */
  constructor(profile: Profile, upstream: string, fixed: string | undefined) {
    const { protocol, port } = new URL(upstream)
    this.#fixed = fixed
    this.#usual = profile.hostFor(port)
    this.#scheme = protocol.slice(0, -1)
  }

  /**
   * The Host and the Origin to send.
   *
   * @param host the client's
   * @param isOwnPage whether a page of the gate's own origin sent the request: it becomes one of the upstream's
   */
  for(host: string, origin: string | undefined, isOwnPage: boolean): UpstreamName {
    const sent = this.#fixed ?? (this.#usual === undefined || LOOPBACK.test(host) ? host : this.#usual)
    if (origin === undefined || !isOwnPage) return { host: sent, origin }
    if (sent === host && origin !== 'null') return { host: sent, origin }
    return { host: sent, origin: `${this.#scheme}://${sent}` }
  }

  /** Takes note that the upstream accepts other names only: from now on it is called as the client calls the gate. */
  rejected(): void {
    this.#usual = undefined
  }
}

/** Header lines with a `Location` on the host `name` made relative to the root: the client knows the host by another name. */
export const withoutAuthority = (lines: string, name: string): string =>
  lines.replace(/^(location:[ \t]*)https?:\/\/([^/?#\r\n]*)([/?#]?)/gim, (whole, field, host, next) =>
    host.toLowerCase() === name.toLowerCase() ? `${field}${next === '/' ? '/' : `/${next}`}` : whole,
  )

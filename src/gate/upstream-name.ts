import type { Profile } from '../policy/profile.js'

// The Host and Origin that the upstream gets. MLflow accepts only requests to names that it knows, and from pages on these
// names, while users may reach the gate under any name.

/** Names of the local machine, which MLflow accepts with any port. */
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i

/** Host and Origin for the upstream. */
export interface UpstreamName {
  readonly host: string
  readonly origin: string | undefined
}

export class UpstreamNames {
  readonly #fixed: string | undefined
  /** The profile's Host for the application; undefined passes on the client's. */
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
   * @param host the client's Host
   * @param isOwnPage whether the request comes from a page of the gate's own origin: the Origin then becomes the upstream's
   */
  for(host: string, origin: string | undefined, isOwnPage: boolean): UpstreamName {
    const sent = this.#fixed ?? (this.#usual === undefined || LOOPBACK.test(host) ? host : this.#usual)
    if (origin === undefined || !isOwnPage) return { host: sent, origin }
    if (sent === host && origin !== 'null') return { host: sent, origin }
    return { host: sent, origin: `${this.#scheme}://${sent}` }
  }

  /** To be called when the upstream rejects the profile's Host: from now on, it gets the client's. */
  rejected(): void {
    this.#usual = undefined
  }
}

/** Makes a `Location` on the host `name` relative to the root, since the client knows the host by another name. */
export const withoutAuthority = (lines: string, name: string): string =>
  lines.replace(/^(location:[ \t]*)https?:\/\/([^/?#\r\n]*)([/?#]?)/gim, (whole, field, host, next) =>
    host.toLowerCase() === name.toLowerCase() ? `${field}${next === '/' ? '/' : `/${next}`}` : whole,
  )

import { timingSafeEqual } from 'node:crypto'
import type { Authorization } from '../auth/authorization.js'
import type { Credential } from '../auth/credential.js'
import type { Principal } from '../auth/principal.js'

/** How long a connection remembers its last login, in milliseconds. */
const LIFETIME = 1000

/**
 * The login of a connection's last request. A client sends the same header with every request, and verifying it again within
 * so short a time yields the same result, unless a login has been revoked. On a connection from a proxy, the next request may
 * come from another client, but then its header differs.
 */
export class RememberedLogin {
  readonly #header: Buffer
  /** For the header of a request; as long. */
  readonly #presented: Buffer
  readonly #until: number
  readonly #epoch: number

  /**
   * @param shown the value of Authorization, or what a session depends on
   * @param epoch the pipeline's epoch at the time of the verdict
   * @param now by performance.now()
   */
  constructor(
    shown: string,
    readonly credential: Credential,
    readonly principal: Principal,
    epoch: number,
    now: number,
  ) {
    this.#header = Buffer.from(shown, 'latin1')
    this.#presented = Buffer.alloc(this.#header.length)
    const { expiresAt } = principal
    const left = expiresAt === undefined ? LIFETIME : Math.min(LIFETIME, expiresAt - Date.now())
    this.#until = now + left
    this.#epoch = epoch
  }

  /** Whether a request with this header has the same login. Takes constant time for headers of equal length. */
  holds(authorization: Authorization, epoch: number, now: number): boolean {
    if (now >= this.#until || epoch !== this.#epoch) return false
    if (typeof authorization !== 'string' || authorization.length !== this.#header.length) return false
    this.#presented.write(authorization, 'latin1')
    return timingSafeEqual(this.#header, this.#presented)
  }
}

import { Oldest } from '../oldest.js'
import type { Origin, Session } from './session.js'

// Which sessions were ended before their time: by a logout here, or by the issuer. It lives in memory: what one process
// learns it tells the others of its gate, but a restart and other machines don't know.

/** Endings that are kept; past that, the oldest is forgotten. */
export const MAX_ENDINGS = 100_000

/** What ends sessions. Plain JSON: processes send it to each other. */
export interface Ending {
  /**
   * The session with this ID; or, by the digests of `sid` or `sub` (see `digestsOf`), those that an issuer means.
   */
  readonly id?: string
  readonly origin?: Origin
  /** Only sessions that began until then, in milliseconds since the epoch. Default: all. */
  readonly before?: number
  /** When the last of these sessions ends by itself. */
  readonly until: number
  /** A logout token's own ID: it counts once. */
  readonly jti?: string
}

interface Mark {
  readonly before: number
  readonly until: number
}

export class EndedSessions {
  /** By kind and value. */
  readonly #marks = new Map<string, Mark>()
  readonly #oldest = new Oldest(this.#marks)

  /** @param now in milliseconds since the epoch */
  add({ id, origin, before = Number.POSITIVE_INFINITY, until, jti }: Ending, now: number): void {
    const mark = { before, until }
    if (id !== undefined) this.#set(`id ${id}`, mark)
    // A logout token with both means the one session, which has no later login.
    const { sid, sub } = origin ?? {}
    if (sid !== undefined) this.#set(`sid ${sid}`, { before: Number.POSITIVE_INFINITY, until })
    if (sub !== undefined) this.#set(`${sid === undefined ? '' : 'nameless '}sub ${sub}`, mark)
    if (jti !== undefined) this.#set(`jti ${jti}`, mark)
    for (let oldest = this.#oldest.peek(); oldest; oldest = this.#oldest.peek()) {
      if (oldest[1].until > now && this.#marks.size <= MAX_ENDINGS) return
      this.#oldest.drop()
    }
  }

  /** Whether a logout token by this ID has been seen. */
  knows(jti: string): boolean {
    return this.#marks.has(`jti ${jti}`)
  }

  has({ id, origin: { sid, sub }, issued }: Session): boolean {
    if (this.#marks.size === 0) return false
    const marks = [this.#marks.get(`id ${id}`)]
    if (sid !== undefined) marks.push(this.#marks.get(`sid ${sid}`))
    if (sub !== undefined) marks.push(this.#marks.get(`sub ${sub}`))
    // Of an issuer that names its session only when it ends it.
    if (sub !== undefined && sid === undefined) marks.push(this.#marks.get(`nameless sub ${sub}`))
    return marks.some((mark) => mark !== undefined && issued <= mark.before)
  }

  #set(key: string, mark: Mark): void {
    const known = this.#marks.get(key)
    if (known && known.before > mark.before) return
    this.#marks.delete(key)
    this.#marks.set(key, mark)
  }
}

import { Oldest } from '../oldest.js'
import type { Origin, Session } from './session.js'

// Sessions that were ended before they expired: by a logout here, or by the issuer. They are kept in memory and sent to the
// other processes of the gate, but are not known after a restart or on other machines.

/** Number of endings to keep; the oldest is dropped first. */
export const MAX_ENDINGS = 100_000

/** Which sessions to end. Plain JSON, which processes send to each other. */
export interface Ending {
  /**
   * The session with this ID, or those with these digests of `sid` or `sub` (see `digestsOf`).
   */
  readonly id?: string
  readonly origin?: Origin
  /** Only sessions that began by this time end; in milliseconds since the epoch. Default: all. */
  readonly before?: number
  /** When the last of these sessions expires. */
  readonly until: number
  /** The ID of the logout token, which is accepted once. */
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
    // A logout token with both names one session, which cannot begin again.
    const { sid, sub } = origin ?? {}
    if (sid !== undefined) this.#set(`sid ${sid}`, { before: Number.POSITIVE_INFINITY, until })
    if (sub !== undefined) this.#set(`${sid === undefined ? '' : 'nameless '}sub ${sub}`, mark)
    if (jti !== undefined) this.#set(`jti ${jti}`, mark)
    for (let oldest = this.#oldest.peek(); oldest; oldest = this.#oldest.peek()) {
      if (oldest[1].until > now && this.#marks.size <= MAX_ENDINGS) return
      this.#oldest.drop()
    }
  }

  /** Whether a logout token with this ID has been used. */
  knows(jti: string): boolean {
    return this.#marks.has(`jti ${jti}`)
  }

  has({ id, origin: { sid, sub }, issued }: Session): boolean {
    if (this.#marks.size === 0) return false
    const marks = [this.#marks.get(`id ${id}`)]
    if (sid !== undefined) marks.push(this.#marks.get(`sid ${sid}`))
    if (sub !== undefined) marks.push(this.#marks.get(`sub ${sub}`))
    // The issuer may send a `sid` only in the logout token.
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

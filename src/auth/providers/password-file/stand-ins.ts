import { createHmac } from 'node:crypto'

// An unknown name must cost the time of a wrong password, or the time would tell who exists. In a file of several schemes
// and costs there is no such time, but many: names that exist spread over them as the file's records do. So each unknown
// name is given a scheme and cost of the file, with odds in proportion to the records of that kind, by a keyed hash: the
// same one at each try, in every process that has the key, and, but for one name in as many as there are users, after a
// user is added or removed (weighted rendezvous hashing: each kind draws, and the best draw wins).

/** Kinds of records that are told apart. No file has so many; beyond that the rest is left out. */
const MAX_KINDS = 256

interface Kind {
  readonly name: string
  /** A record of this kind: it takes as long as any other. */
  readonly encoded: string
  records: number
}

/** Which stored hash is verified for an unknown name. */
export class StandIns {
  readonly #kinds = new Map<string, Kind>()

  /** Takes note of a record that can be verified. */
  add(scheme: string, work: number | undefined, encoded: string): void {
    const name = `${scheme}:${work ?? ''}`
    const kind = this.#kinds.get(name)
    if (kind) kind.records++
    else if (this.#kinds.size < MAX_KINDS) this.#kinds.set(name, { name, encoded, records: 1 })
  }

  /** The stored hash for `user`; undefined where no record can be verified, so that nobody can get in. */
  encodedFor(user: Uint8Array, key: Buffer): string | undefined {
    let best: Kind | undefined
    let bestDraw = Number.POSITIVE_INFINITY
    for (const kind of this.#kinds.values()) {
      const draw = drawOf(key, user, kind)
      if (draw >= bestDraw) continue
      bestDraw = draw
      best = kind
    }
    return best?.encoded
  }
}

/** Exponentially distributed with rate `records`: the least of several is a kind's with odds in that proportion. */
function drawOf(key: Buffer, user: Uint8Array, { name, records }: Kind): number {
  const bits = createHmac('sha256', key).update(`${name} `).update(user).digest().readUIntBE(0, 6)
  return -Math.log((bits + 1) / 2 ** 48) / records
}

import { createHmac } from 'node:crypto'
import { weaknessOf } from '../../../passwd-file/audit.js'
import type { Scheme } from '../../../schemes/index.js'
import { isCostly } from './hash-cost.js'

// Records by scheme and cost, and stand-ins for users who have none.
//
// An unknown name must cost the time of a wrong password, or the time would tell who exists. In a file of several schemes
// and costs there is no such time, but many: names that exist spread over them as the file's records do. So each unknown
// name is given a scheme and cost of the file, with odds in proportion to the records of that kind, by a keyed hash: the
// same one at each try, in every process that has the key, and, but for one name in as many as there are users, after a
// user is added or removed (weighted rendezvous hashing: each kind draws, and the best draw wins).

/** Kinds that stand in. No file has so many; what is beyond that stands in for nobody. */
const MAX_KINDS = 256

/** Records of one scheme and cost: it takes the same time to verify any of them. */
export interface RecordKind {
  readonly scheme: string
  readonly work: number | undefined
  /** A record of this kind. */
  readonly encoded: string
  /** Whether it costs more than may be spent on a login. */
  readonly isCostly: boolean
  /** Why it is weak; undefined if it is not. */
  readonly weakness: string | undefined
  records: number
}

export class RecordKinds {
  readonly #kinds = new Map<Scheme, Map<number | undefined, RecordKind>>()
  /** Those that can be verified. */
  readonly #standIns: RecordKind[] = []
  readonly #maxHashCost: number

  /** @param maxHashCost see `isCostly` */
  constructor(maxHashCost: number) {
    this.#maxHashCost = maxHashCost
  }

  /** Counts a record with a whole hash of `scheme`, and returns its kind. */
  add(scheme: Scheme, encoded: string): RecordKind {
    const work = scheme.workOf?.(encoded)
    const ofScheme = this.#kinds.get(scheme)
    const known = ofScheme?.get(work)
    if (known) {
      known.records++
      return known
    }
    const kind: RecordKind = {
      scheme: scheme.name,
      work,
      encoded,
      isCostly: isCostly(scheme, work, this.#maxHashCost),
      weakness: weaknessOf(encoded)?.message,
      records: 1,
    }
    if (this.#standIns.length < MAX_KINDS) {
      if (ofScheme) ofScheme.set(work, kind)
      else this.#kinds.set(scheme, new Map([[work, kind]]))
      if (!kind.isCostly) this.#standIns.push(kind)
    }
    return kind
  }

  /** The stored hash for a user who has none; undefined where no record can be verified, so that nobody can log in. */
  standInFor(user: Uint8Array, key: Buffer): string | undefined {
    let best: RecordKind | undefined
    let bestDraw = Number.POSITIVE_INFINITY
    for (const kind of this.#standIns) {
      const draw = drawOf(key, user, kind)
      if (draw >= bestDraw) continue
      bestDraw = draw
      best = kind
    }
    return best?.encoded
  }
}

/** Exponentially distributed with rate `records`: the least of several is a kind's with odds in that proportion. */
function drawOf(key: Buffer, user: Uint8Array, { scheme, work, records }: RecordKind): number {
  const bits = createHmac('sha256', key)
    .update(`${scheme}:${work ?? ''} `)
    .update(user)
    .digest()
    .readUIntBE(0, 6)
  return -Math.log((bits + 1) / 2 ** 48) / records
}

import { createHmac } from 'node:crypto'
import { weaknessOf } from '../../../passwd-file/audit.js'
import type { Scheme } from '../../../schemes/index.js'
import { isCostly } from './hash-cost.js'

// Records by scheme and cost, and stand-ins for users without a record.
//
// An unknown name must take as long as a wrong password, or timing would reveal which users exist. With several schemes and costs
// in the file there are several such times, and existing names are distributed over them like the records. So every
// unknown name is assigned one kind of record, with odds proportional to the number of such records, by a keyed hash: the
// same kind at each try and in each process with that key. Adding a user to n others changes one assignment in n (weighted
// rendezvous hashing: each kind draws a number for the name, and the best draw wins).

/** Most kinds to draw stand-ins from. Real files have far fewer. */
const MAX_KINDS = 256

/** Records of one scheme and cost, which all take the same time to verify. */
export interface RecordKind {
  readonly scheme: string
  readonly work: number | undefined
  /** A record of this kind. */
  readonly encoded: string
  /** Whether it costs more than a login may. */
  readonly isCostly: boolean
  /** Why it is weak; undefined if it is not. */
  readonly weakness: string | undefined
  records: number
}

export class RecordKinds {
  readonly #kinds = new Map<Scheme, Map<number | undefined, RecordKind>>()
  /** The kinds that can be verified. */
  readonly #standIns: RecordKind[] = []
  readonly #maxHashCost: number

  /** @param maxHashCost see `isCostly` */
  constructor(maxHashCost: number) {
    this.#maxHashCost = maxHashCost
  }

  /** Counts a record with a complete hash of `scheme`, and returns its kind. */
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

  /** The stand-in for a user without a record; undefined if no record can be verified, so that no user can log in. */
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

/** Exponentially distributed with rate `records`, so the chance of being the least is proportional to that. */
function drawOf(key: Buffer, user: Uint8Array, { scheme, work, records }: RecordKind): number {
  const bits = createHmac('sha256', key)
    .update(`${scheme}:${work ?? ''} `)
    .update(user)
    .digest()
    .readUIntBE(0, 6)
  return -Math.log((bits + 1) / 2 ** 48) / records
}

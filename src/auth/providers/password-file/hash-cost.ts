import type { Algorithm } from '../../../schemes/algorithm.js'
import { type Scheme, schemeNamed } from '../../../schemes/index.js'

// Limits the cost of a hash. A single record of `$2y$31$`, or a stand-in for it, would occupy a thread for a day.

/** Default for the highest bcrypt cost to verify: about a second on a CPU of 2026. */
export const DEFAULT_MAX_HASH_COST = 14
/** SHA-crypt with this many rounds times 2^cost takes as long as bcrypt at that cost. */
const ROUNDS_PER_COST = 64

/**
 * Whether a hash costs more than bcrypt at cost `max`, or SHA-crypt with 64 × 2^max rounds.
 *
 * @param work the hash's cost or rounds; undefined if the scheme has none
 */
export function isCostly({ work: factor }: Scheme, work: number | undefined, max: number): boolean {
  if (factor === undefined || work === undefined) return false
  return work > (factor.name === 'cost' ? max : ROUNDS_PER_COST * 2 ** max)
}

/** The same, for records to be created. */
export function costsMore({ scheme, work }: Algorithm, max: number): boolean {
  const found = schemeNamed(scheme)
  return isCostly(found, work ?? found.work?.default, max)
}

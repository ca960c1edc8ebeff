import { type Algorithm, hashWith } from '../../schemes/algorithm.js'
import { schemeOf } from '../../schemes/index.js'

/** Work for one worker. */
export type Batch =
  | {
      readonly task: 'hash'
      readonly algorithm: Algorithm
      readonly items: readonly Uint8Array[]
    }
  | { readonly task: 'verify'; readonly items: readonly (readonly [password: Uint8Array, encoded: string])[] }

/** Resolves to each item's hash, or to whether each password matches. */
export async function perform(batch: Batch): Promise<string[] | boolean[]> {
  if (batch.task === 'hash') {
    return Promise.all(batch.items.map((password) => hashWith(batch.algorithm, password)))
  }
  return Promise.all(
    batch.items.map(
      async ([password, encoded]) => (await schemeOf(encoded)?.verify(password, encoded)) ?? false,
    ),
  )
}

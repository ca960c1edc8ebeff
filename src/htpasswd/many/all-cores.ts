import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type Batch, perform } from './batch.js'
import { progressBar } from './progress-bar.js'

/** Items per message to a worker: few enough for a smooth progress bar, enough to make messages cheap. */
const BATCH = 32

type Item<B extends Batch> = B['items'][number]
type Result<B extends Batch> = B['task'] extends 'hash' ? string : boolean

/** Performs `batch` on all cores, with progress on a terminal. The results are in the order of its items. */
export async function onAllCores<B extends Batch>(batch: B): Promise<Result<B>[]> {
  const results: Result<B>[] = new Array(batch.items.length)
  const bar = progressBar(batch.items.length)
  let next = 0
  const take = (): [start: number, part: Batch] | undefined => {
    if (next >= batch.items.length) return undefined
    const start = next
    next += BATCH
    return [start, { ...batch, items: batch.items.slice(start, next) as Item<B>[] } as Batch]
  }
  const keep = (start: number, part: readonly (string | boolean)[]) => {
    part.forEach((result, i) => {
      results[start + i] = result as Result<B>
    })
    bar.advance(part.length)
  }

  // No more workers than batches: starting one takes longer than a batch.
  const workers = Math.min(availableParallelism(), Math.floor(batch.items.length / BATCH))
  try {
    if (workers < 2) {
      for (let taken = take(); taken; taken = take()) keep(taken[0], await perform(taken[1]))
    } else {
      await Promise.all(Array.from({ length: workers }, () => work(take, keep)))
    }
  } finally {
    bar.end()
  }
  return results
}

/** Runs one worker until no batches are left. */
function work(
  take: () => [number, Batch] | undefined,
  keep: (start: number, part: (string | boolean)[]) => void,
): Promise<void> {
  const worker = new Worker(join(import.meta.dirname, '../htpasswd/many/worker.js'))
  return new Promise((resolve, reject) => {
    let start = 0
    const send = () => {
      const taken = take()
      if (taken === undefined) {
        worker.terminate().then(() => resolve(), reject)
        return
      }
      start = taken[0]
      worker.postMessage(taken[1])
    }
    worker.on('message', (part: (string | boolean)[]) => {
      keep(start, part)
      send()
    })
    worker.on('error', reject)
    send()
  })
}

import { parentPort } from 'node:worker_threads'
import { type Batch, perform } from './batch.js'

parentPort?.on('message', async (batch: Batch) => {
  parentPort?.postMessage(await perform(batch))
})

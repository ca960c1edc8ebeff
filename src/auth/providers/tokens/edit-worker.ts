import { parentPort, workerData } from 'node:worker_threads'
import { type Answer, carryOut, type Edit } from './edits.js'

// A thread that makes one edit of a large token file.

const { path, edit } = workerData as { readonly path: string; readonly edit: Edit }

const answer: Answer = await carryOut(path, edit).then(
  (value) => ({ value }),
  (error: NodeJS.ErrnoException) => ({
    error: { isRange: error instanceof RangeError, message: error.message, code: error.code },
  }),
)
parentPort?.postMessage(answer)

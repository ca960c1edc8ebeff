import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { schemeOf } from '../schemes/index.js'

// The thread that hashes. It knows nothing but the question whether a password fits a stored hash.

export interface Question {
  readonly password: Uint8Array
  readonly encoded: string
}

// Linux has a priority for each thread, other systems only for the process. Hashing takes all the time that it gets;
// the thread that answers requests comes first.
if (process.platform === 'linux') setPriority(10)

parentPort?.on('message', async ({ password, encoded }: Question) => {
  parentPort?.postMessage((await schemeOf(encoded)?.verify(password, encoded)) ?? false)
})

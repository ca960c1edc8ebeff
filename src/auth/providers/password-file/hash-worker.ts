import { getPriority, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { fileError, type HtgateError } from '../../../errors.js'
import { schemeOf } from '../../../schemes/index.js'
import { attempt } from '../../../system/errno.js'
import { type Rehash, rehash, type Stronger } from './rehash.js'

// A hashing thread: verifies passwords against stored hashes, and replaces weak hashes in the file with stronger ones.

export type Question =
  | { readonly task: 'verify'; readonly password: Uint8Array; readonly encoded: string }
  | ({ readonly task: 'rehash' } & Rehash)

/** For `verify`, whether the password matches; for `rehash`, the stronger hash if there is one, or the error. */
export type Answer = boolean | { readonly stronger: Stronger | undefined } | { readonly failure: FileFailure }

/** Errors lose their code when they are sent between threads. */
type FileFailure = Readonly<Pick<HtgateError, 'code' | 'message'>>

/** Requests take precedence over hashing. If the process is busy, this leaves about a quarter of a CPU for hashing. */
const NICENESS = 5

// Linux has priorities per thread, other systems only per process. Raising a lowered priority requires privileges.
if (process.platform === 'linux' && getPriority() < NICENESS) attempt(() => setPriority(NICENESS))

parentPort?.on('message', async (question: Question) => {
  parentPort?.postMessage(await answer(question))
})

async function answer(question: Question): Promise<Answer> {
  if (question.task === 'verify') {
    return (await schemeOf(question.encoded)?.verify(question.password, question.encoded)) ?? false
  }
  try {
    return { stronger: await rehash(question) }
  } catch (error) {
    const { code, message } = fileError(question.file, 'update', error as Error)
    return { failure: { code, message } }
  }
}

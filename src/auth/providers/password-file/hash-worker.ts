import { getPriority, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { fileError, type HtgateError } from '../../../errors.js'
import { schemeOf } from '../../../schemes/index.js'
import { attempt } from '../../../system/errno.js'
import { type Rehash, rehash } from './rehash.js'

// The thread that hashes. It knows nothing but its questions: whether a password fits a stored hash, and what a
// stronger hash of it is, which it puts in the place of the old one.

export type Question =
  | { readonly task: 'verify'; readonly password: Uint8Array; readonly encoded: string }
  | ({ readonly task: 'rehash' } & Rehash)

/** To `verify`, whether it fits; to `rehash`, the new hash if there is one, or what went wrong. */
export type Answer = boolean | { readonly fresh: string | undefined } | { readonly failure: FileFailure }

/** An error that is sent between threads loses its code. */
type FileFailure = Readonly<Pick<HtgateError, 'code' | 'message'>>

/** The thread that answers requests comes first; beside a busy process this leaves a quarter of a processor. */
const NICENESS = 5

// Linux has a priority for each thread, other systems only for the process. Nobody but root may raise it.
if (process.platform === 'linux' && getPriority() < NICENESS) attempt(() => setPriority(NICENESS))

parentPort?.on('message', async (question: Question) => {
  parentPort?.postMessage(await answer(question))
})

async function answer(question: Question): Promise<Answer> {
  if (question.task === 'verify') {
    return (await schemeOf(question.encoded)?.verify(question.password, question.encoded)) ?? false
  }
  try {
    return { fresh: await rehash(question) }
  } catch (error) {
    const { code, message } = fileError(question.file, 'update', error as Error)
    return { failure: { code, message } }
  }
}

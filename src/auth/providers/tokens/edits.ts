import { stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { idOf, type TokenRecord } from './records.js'
import { createToken, type NewToken, recordUpdates, revokeTokens, type Updates } from './token-file.js'

// Edits of a token file by a process that serves requests. Reading, scanning and writing a large file would block the event loop,
// so that is done in a thread.

/** Size in bytes from which a file is edited in a thread; below, starting one takes longer than the edit. */
const LARGE = 1024 * 1024

const WORKER = createRequire(import.meta.url).resolve('#token-worker')

/** An edit. Plain data, which can be sent to a thread. */
export type Edit =
  | { readonly kind: 'create'; readonly token: NewToken; readonly now: number }
  | { readonly kind: 'revoke'; readonly user: string; readonly account: string; readonly id: string }
  | { readonly kind: 'record'; readonly updates: Updates }

/** The result of each kind of edit: the token and its record; the revoked records; nothing. */
export interface Edited {
  readonly create: Awaited<ReturnType<typeof createToken>>
  readonly revoke: readonly TokenRecord[]
  readonly record: undefined
}

export type Answer =
  | { readonly value: unknown }
  | {
      readonly error: {
        readonly isRange: boolean
        readonly message: string
        readonly code: string | undefined
      }
    }

/**
 * Edits the file at `path`, in a thread if it is large.
 * @throws RangeError for a name that cannot be stored; LockedError or a system error, with the file as it was
 */
export async function editFile<K extends Edit['kind']>(
  path: string,
  edit: Extract<Edit, { kind: K }>,
): Promise<Edited[K]> {
  const size = await stat(path).then(
    (stats) => stats.size,
    () => 0,
  )
  const value = size < LARGE ? await carryOut(path, edit) : await inThread(path, edit)
  return value as Edited[K]
}

/** Edits the file in this thread. */
export function carryOut(path: string, edit: Edit): Promise<Edited[Edit['kind']] | undefined> {
  switch (edit.kind) {
    case 'create':
      return createToken(path, edit.token, edit.now)
    case 'revoke':
      return revokeTokens(
        path,
        (record) =>
          record.user === edit.user &&
          (record.account ?? edit.account) === edit.account &&
          idOf(record) === edit.id,
      )
    case 'record':
      return recordUpdates(path, edit.updates).then(() => undefined)
  }
}

async function inThread(path: string, edit: Edit): Promise<unknown> {
  const worker = new Worker(WORKER, { workerData: { path, edit }, execArgv: [] })
  const answer = await new Promise<Answer>((resolve, reject) => {
    worker.once('message', resolve).once('error', reject)
    worker.once('exit', () => reject(new Error('the thread that edits the token file ended')))
  })
  if ('value' in answer) return answer.value
  const { isRange, message, code } = answer.error
  throw isRange ? new RangeError(message) : Object.assign(new Error(message), { code })
}

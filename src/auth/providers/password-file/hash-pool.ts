import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { Answer, Question } from './hash-worker.js'

// A thread needs a built file, even if this module runs from source; package.json says where it is.
const WORKER = createRequire(import.meta.url).resolve('#hash-worker')

/** How long an abandoned hash may continue, in milliseconds: replacing its thread takes about as long. */
const GRACE = 250
/** How long a hash may take, in milliseconds. */
const MAX_TIME = 15_000
/** Number of records that may wait to be rehashed. */
const MAX_REHASHES = 16

/** Why a thread gave no answer. */
export type Failure =
  /** The thread crashed, or the pool was closed. */
  | 'unavailable'
  /** `signal` aborted. */
  | 'abandoned'
  /** The hash took too long. */
  | 'timeout'
  /** Too many records wait to be rehashed. */
  | 'busy'

interface Job {
  readonly question: Question
  readonly signal: AbortSignal | undefined
  readonly settle: (answer: Answer | Failure) => void
}

export interface HashPoolOptions {
  /** Maximum number of threads, started on demand. */
  readonly workers: number
  /** How long a hash may take, in milliseconds. Default 15,000. */
  readonly maxTime?: number
  /** Called if a thread crashes. The next question starts a new one. */
  readonly onDied: (error: Error) => void
}

/** A pool of hashing threads. Verification takes precedence over rehashing. */
export class HashPool {
  readonly #options: HashPoolOptions
  readonly #verifications: Job[] = []
  readonly #rehashes: Job[] = []
  readonly #threads = new Set<Thread>()
  readonly #idle: Thread[] = []
  #closed = false

  constructor(options: HashPoolOptions) {
    this.#options = options
  }

  /**
   * Asks a thread. Never rejects.
   *
   * @param signal aborts when the answer is no longer needed
   */
  ask(question: Question, signal?: AbortSignal): Promise<Answer | Failure> {
    return new Promise((settle) => {
      const queue = question?.task === 'rehash' ? this.#rehashes : this.#verifications
      if (this.#closed) settle('unavailable')
      else if (signal?.aborted) settle('abandoned')
      else if (queue === this.#rehashes && queue.length >= MAX_REHASHES) settle('busy')
      else {
        queue.push({ question, signal, settle })
        this.#work()
      }
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const job of [...this.#verifications.splice(0), ...this.#rehashes.splice(0)])
      job.settle('unavailable')
    await Promise.all([...this.#threads].map((thread) => thread.close()))
  }

  #work(): void {
    for (;;) {
      const [job] = this.#verifications.length > 0 ? this.#verifications : this.#rehashes
      if (job === undefined) return
      const thread = this.#freeThread()
      if (thread === undefined) return
      const queue = this.#verifications.length > 0 ? this.#verifications : this.#rehashes
      queue.shift()
      if (job.signal?.aborted) {
        this.#idle.push(thread)
        job.settle('abandoned')
      } else thread.run(job)
    }
  }

  #freeThread(): Thread | undefined {
    const idle = this.#idle.pop()
    if (idle || this.#closed || this.#threads.size >= this.#options.workers) return idle
    const thread = new Thread(this.#options.maxTime ?? MAX_TIME, {
      onFree: () => {
        this.#idle.push(thread)
        this.#work()
      },
      onEnd: (error) => this.#remove(thread, error),
    })
    this.#threads.add(thread)
    return thread
  }

  /** @param error why the thread crashed; undefined if it was terminated */
  #remove(thread: Thread, error: Error | undefined): void {
    this.#threads.delete(thread)
    const place = this.#idle.indexOf(thread)
    if (place !== -1) this.#idle.splice(place, 1)
    if (this.#closed) return
    if (error) this.#options.onDied(error)
    this.#work()
  }
}

interface Listener {
  onFree(): void
  onEnd(error: Error | undefined): void
}

class Thread {
  readonly #worker = new Worker(WORKER, { execArgv: [] })
  readonly #maxTime: number
  #job: Job | undefined
  #timer: NodeJS.Timeout | undefined
  #isEnded = false

  constructor(maxTime: number, { onFree, onEnd }: Listener) {
    this.#maxTime = maxTime
    let failure: Error | undefined
    // The thread keeps the process alive only while a question is pending.
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => {
      if (this.#isEnded) return
      this.#worker.unref()
      this.#settle(answer)
      onFree()
    })
    this.#worker.on('error', (error) => {
      failure = error
    })
    this.#worker.on('exit', (code) => {
      this.#settle('unavailable')
      onEnd(this.#isEnded ? undefined : (failure ?? new Error(`exited with code ${code}`)))
    })
  }

  run(job: Job): void {
    this.#job = job
    this.#worker.ref()
    this.#worker.postMessage(job.question)
    // A thread that edits the file is never terminated: its lock would last as long as this process.
    if (job.question?.task === 'rehash') return
    this.#timer = setTimeout(() => this.#end('timeout'), this.#maxTime).unref()
    job.signal?.addEventListener('abort', this.#onAbort)
  }

  /** Terminates the thread, after any edit of the file in progress. */
  async close(): Promise<void> {
    if (this.#job?.question?.task === 'rehash') {
      await new Promise((resolve) => this.#worker.once('message', resolve).once('exit', resolve))
    }
    this.#isEnded = true
    await this.#worker.terminate()
  }

  readonly #onAbort = () => {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#end('abandoned'), GRACE).unref()
  }

  #end(why: Failure): void {
    this.#isEnded = true
    this.#settle(why)
    void this.#worker.terminate()
  }

  #settle(answer: Answer | Failure): void {
    clearTimeout(this.#timer)
    const job = this.#job
    this.#job = undefined
    job?.signal?.removeEventListener('abort', this.#onAbort)
    job?.settle(answer)
  }
}

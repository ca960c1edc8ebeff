import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { Answer, Question } from './hash-worker.js'
import { Turns } from './turns.js'

// A thread needs a built file, wherever this module runs from: the package knows where that is.
const WORKER = createRequire(import.meta.url).resolve('#hash-worker')

/** Why there is no answer: the queue is full; or the thread died over it, or all were closed. */
export type Failure = 'busy' | 'unavailable'

/** Whose turn it is. */
export interface Asker {
  readonly client: string
  readonly user: string
}

interface Job {
  readonly question: Question
  readonly settle: (answer: Answer | Failure) => void
}

export interface HashWorkersOptions {
  /** How many threads at most. They are started as they are needed. */
  readonly workers: number
  /** How many questions may wait for one. */
  readonly queue: number
  /** A thread ended by itself. Another takes its place with the next question. */
  readonly onDied: (error: Error) => void
}

/** Threads that hash, and the queue before them. */
export class HashWorkers {
  readonly #options: HashWorkersOptions
  readonly #waiting: Turns<Job>
  readonly #threads = new Set<Thread>()
  readonly #idle: Thread[] = []
  #closed = false

  constructor(options: HashWorkersOptions) {
    this.#options = options
    this.#waiting = new Turns(options.queue)
  }

  /** How many questions wait for a thread. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** The answer of a thread, when it is the asker's turn. Never rejects. */
  ask(question: Question, { client, user }: Asker): Promise<Answer | Failure> {
    return new Promise((settle) => {
      const job = { question, settle }
      const thread = this.#freeThread()
      if (this.#closed) settle('unavailable')
      else if (thread) thread.run(job)
      else this.#waiting.push(job, client, user)?.settle('busy')
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (let job = this.#waiting.shift(); job; job = this.#waiting.shift()) job.settle('unavailable')
    await Promise.all([...this.#threads].map((thread) => thread.terminate()))
  }

  #freeThread(): Thread | undefined {
    const idle = this.#idle.pop()
    if (idle || this.#closed || this.#threads.size === this.#options.workers) return idle
    const thread = new Thread(
      () => this.#onFree(thread),
      (error) => this.#onDied(thread, error),
    )
    this.#threads.add(thread)
    return thread
  }

  #onFree(thread: Thread): void {
    const next = this.#waiting.shift()
    if (next) thread.run(next)
    else this.#idle.push(thread)
  }

  #onDied(thread: Thread, error: Error): void {
    this.#threads.delete(thread)
    const place = this.#idle.indexOf(thread)
    if (place !== -1) this.#idle.splice(place, 1)
    if (this.#closed) return
    this.#options.onDied(error)
    const next = this.#waiting.shift()
    if (next) this.#freeThread()?.run(next)
  }
}

class Thread {
  readonly #worker = new Worker(WORKER, { execArgv: [] })
  #job: Job | undefined

  constructor(onFree: () => void, onDied: (error: Error) => void) {
    let failure: Error | undefined
    // Only a question that waits for its answer keeps the process alive.
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => {
      this.#worker.unref()
      this.#settle(answer)
      onFree()
    })
    this.#worker.on('error', (error) => {
      failure = error
    })
    this.#worker.on('exit', (code) => {
      this.#settle('unavailable')
      onDied(failure ?? new Error(`it exited with code ${code}`))
    })
  }

  run(job: Job): void {
    this.#job = job
    this.#worker.ref()
    this.#worker.postMessage(job.question)
  }

  /** Ends it; but not while it edits the file, or the lock would stay as long as this process. */
  async terminate(): Promise<void> {
    if (this.#job?.question.task === 'rehash') {
      await new Promise((resolve) => this.#worker.once('message', resolve).once('exit', resolve))
    }
    await this.#worker.terminate()
  }

  #settle(answer: Answer | Failure): void {
    this.#job?.settle(answer)
    this.#job = undefined
  }
}

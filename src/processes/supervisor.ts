import cluster, { type Worker } from 'node:cluster'
import { randomBytes } from 'node:crypto'
import { type Ending, MAX_ENDINGS } from '../auth/sessions/ended.js'
import { type Snapshot, sumSnapshots, totalsOf } from '../operations/metrics.js'
import { LOG_LEADER, type Readiness, SHARED_KEY, type ToSupervisor, type ToWorker } from './messages.js'

// --workers: the supervisor accepts connections and hands them to its workers (node:cluster). It also passes signals, logins
// and metrics between them.

/** Delay before a worker that exited by itself is replaced, in milliseconds. */
const RESTART_DELAY = 1000
/** How long a worker may take to report its metrics, in milliseconds; after that, its last report is used. */
const MEASURE_TIMEOUT = 1000

export interface SupervisorOptions {
  /** How many workers to run. */
  readonly count: number
  /** Called with a signal or `exit status N` when a worker exits by itself. It is then replaced. */
  readonly onExit: (how: string) => void
}

/** What the supervisor knows about a worker. */
interface State {
  readiness: Readiness
  snapshot: Snapshot | undefined
  readonly isLogLeader: boolean
  /** Whether the worker has sent a message, and so is ready to receive some. */
  hasReported: boolean
  onReport: (() => void) | undefined
}

/** Starts the workers, replaces those that exit, and stops them all at a signal. */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #key = randomBytes(32).toString('base64')
  readonly #workers = new Map<Worker, State>()
  readonly #questions = new Map<number, () => void>()
  #lastQuestion = 0
  /** Sessions that were ended, oldest first, for workers that start later. */
  #endings: Ending[] = []
  /** Totals of workers that have exited, so that counters do not fall. */
  #past: Snapshot | undefined
  #stopping = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    cluster.on('message', (worker, message: ToSupervisor) => this.#receive(worker, message))
  }

  /**
   * Starts the first worker, which reports whether everything works, and then the others.
   * @returns the exit status of a first worker that failed, or undefined once all are started
   */
  async start(): Promise<number | undefined> {
    const first = this.#fork(true)
    const failed = await new Promise<number | undefined>((resolve) => {
      first.once('exit', (status) => resolve(status ?? 1))
      first.once('message', () => resolve(undefined))
    })
    if (failed !== undefined) return failed
    for (let i = 1; i < this.#options.count; i++) this.#fork(false)
    process.on('SIGHUP', () => this.#sendAll({ type: 'reload' }))
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => this.stop(signal))
    }
    return undefined
  }

  /** Lets the workers finish requests in progress and exit; a second time, they exit at once. */
  stop(cause: string): void {
    const isFirst = !this.#stopping
    this.#stopping = true
    for (const [worker, state] of this.#workers) {
      const order = { type: 'stop', cause } as const
      if (state.hasReported) send(worker, order)
      // A worker that is still starting would miss the message.
      else if (isFirst) state.onReport = () => send(worker, order)
      else worker.process.kill('SIGKILL')
    }
  }

  /** Resolves when all workers have been stopped. */
  stopped(): Promise<void> {
    return new Promise((resolve) => {
      cluster.on('exit', (worker, status, signal) => {
        this.#forget(worker)
        if (this.#stopping) {
          if (this.#workers.size === 0) resolve()
        } else this.#options.onExit(signal ?? `exit status ${status}`)
      })
    })
  }

  /** Ready if all workers are. */
  readiness(): Readiness {
    if (this.#stopping) return { ready: false, detail: 'stopping' }
    if (this.#workers.size < this.#options.count)
      return { ready: false, detail: 'a worker is being restarted' }
    for (const { readiness } of this.#workers.values()) if (!readiness.ready) return readiness
    return { ready: true }
  }

  /** The metrics of all workers, including those that have exited. */
  async metrics(): Promise<Snapshot> {
    await Promise.all([...this.#workers.keys()].map((worker) => this.#measure(worker)))
    const snapshots = [this.#past, ...[...this.#workers.values()].map(({ snapshot }) => snapshot)]
    return sumSnapshots(snapshots.filter((snapshot) => snapshot !== undefined))
  }

  #fork(isLogLeader: boolean): Worker {
    const worker = cluster.fork({ [SHARED_KEY]: this.#key, ...(isLogLeader ? { [LOG_LEADER]: '1' } : {}) })
    const readiness = { ready: false, detail: 'a worker is starting' }
    this.#workers.set(worker, {
      readiness,
      snapshot: undefined,
      isLogLeader,
      hasReported: false,
      onReport: undefined,
    })
    return worker
  }

  #forget(worker: Worker): void {
    const state = this.#workers.get(worker)
    this.#workers.delete(worker)
    if (state === undefined) return
    if (state.snapshot) {
      const totals = totalsOf(state.snapshot)
      this.#past = this.#past ? sumSnapshots([this.#past, totals]) : totals
    }
    if (this.#stopping) return
    setTimeout(() => {
      if (!this.#stopping) this.#fork(state.isLogLeader)
    }, RESTART_DELAY)
  }

  #receive(worker: Worker, message: ToSupervisor): void {
    const state = this.#workers.get(worker)
    if (state !== undefined && !state.hasReported) {
      state.hasReported = true
      for (const ending of this.#endings) send(worker, { type: 'logout', ending })
      state.onReport?.()
    }
    if (message.type === 'logout') this.#keep(message.ending)
    if (message.type === 'login' || message.type === 'logout') this.#sendAll(message, worker)
    else if (state === undefined) return
    else if (message.type === 'readiness') {
      const { type: _, ...readiness } = message
      state.readiness = readiness
    } else {
      state.snapshot = message.snapshot
      if (message.id !== undefined) this.#questions.get(message.id)?.()
    }
  }

  #keep(ending: Ending): void {
    const now = Date.now()
    if (this.#endings.length >= MAX_ENDINGS || (this.#endings[0]?.until ?? now) < now) {
      this.#endings = this.#endings.filter(({ until }) => until >= now).slice(1 - MAX_ENDINGS)
    }
    this.#endings.push(ending)
  }

  /** Resolves when the worker has reported or taken too long. */
  #measure(worker: Worker): Promise<void> {
    return new Promise((resolve) => {
      const id = ++this.#lastQuestion
      const done = () => {
        this.#questions.delete(id)
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(done, MEASURE_TIMEOUT)
      this.#questions.set(id, done)
      send(worker, { type: 'measure', id })
    })
  }

  #sendAll(message: ToWorker, except?: Worker): void {
    for (const worker of this.#workers.keys()) if (worker !== except) send(worker, message)
  }
}

/** Sends nothing to a worker that is about to exit; its exit is handled elsewhere. */
function send(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => {})
}

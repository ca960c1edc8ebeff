import cluster from 'node:cluster'
import { randomBytes } from 'node:crypto'
import type { LoginRecord } from '../auth/login-limiter.js'
import type { Ending } from '../auth/sessions/ended.js'
import type { Snapshot } from '../operations/metrics.js'
import { LOG_LEADER, type Readiness, SHARED_KEY, type ToSupervisor, type ToWorker } from './messages.js'

/** What a serving process can be told to do, once it is set up. */
export interface Orders {
  reload(): void
  /** Receives a login that another process has recorded. */
  receive(record: LoginRecord): void
  /** Ends sessions that another process has ended. */
  endSessions(ending: Ending): void
  snapshot(): Snapshot
  readiness(): Readiness
}

/** How a serving process is controlled: by signals, or by the supervisor's messages. */
export interface ProcessControl {
  /** Whether this process is the log leader, which logs on behalf of all workers. */
  readonly isLogLeader: boolean
  /** A secret that all processes share. */
  readonly sharedKey: Buffer
  /** Resolves to the cause when the process should stop. A second order kills it at once. */
  readonly stopped: Promise<string>
  /** Starts to obey orders other than to stop, including earlier ones. */
  obey(orders: Orders): void
  /** Sends a message to the supervisor, if there is one. */
  send(message: ToSupervisor): void
  /** Reports the readiness now. It is reported every second anyway. */
  reportReadiness(): void
  /**
   * Kills the process like an unhandled SIGTERM. `process.exit` would wait for the thread that writes the log, which may be
   * stuck.
   */
  kill(): void
}

export const processControl = (): ProcessControl =>
  cluster.isWorker ? new WorkerControl() : new SingleProcessControl()

function killSelf(): void {
  process.removeAllListeners('SIGTERM')
  process.kill(process.pid, 'SIGTERM')
}

/** Resolves a promise at the first order to stop. */
class Stop {
  readonly promise: Promise<string>
  #resolve = (_: string) => {}
  #orders = 0

  constructor() {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  order(cause: string): void {
    if (++this.#orders > 1) killSelf()
    this.#resolve(cause)
  }
}

class SingleProcessControl implements ProcessControl {
  readonly isLogLeader = true
  readonly sharedKey = randomBytes(32)
  readonly #stop = new Stop()
  readonly stopped = this.#stop.promise

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#stop.order(signal))
  }

  obey(orders: Orders): void {
    process.on('SIGHUP', () => orders.reload())
  }

  send(): void {}

  reportReadiness(): void {}

  kill = killSelf
}

/** How often a worker reports by itself, in milliseconds. A crash loses at most that much of the metrics. */
const REPORT_INTERVAL = 1000

class WorkerControl implements ProcessControl {
  readonly isLogLeader = process.env[LOG_LEADER] !== undefined
  readonly sharedKey = Buffer.from(process.env[SHARED_KEY] ?? '', 'base64')
  readonly #stop = new Stop()
  readonly stopped = this.#stop.promise
  readonly #early: ToWorker[] = []
  #orders: Orders | undefined

  constructor() {
    // Children and threads must not inherit it.
    delete process.env[SHARED_KEY]
    delete process.env[LOG_LEADER]
    // A terminal and systemd signal all processes at once; the supervisor decides.
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
    process.on('disconnect', () => this.#stop.order('the supervisor has exited'))
    process.on('message', (message: ToWorker) => {
      if (message.type === 'stop') this.#stop.order(message.cause)
      else if (this.#orders === undefined) this.#early.push(message)
      else this.#carryOut(message, this.#orders)
    })
  }

  obey(orders: Orders): void {
    this.#orders = orders
    for (const message of this.#early.splice(0)) this.#carryOut(message, orders)
    this.reportReadiness()
    setInterval(() => {
      this.reportReadiness()
      this.send({ type: 'snapshot', snapshot: orders.snapshot() })
    }, REPORT_INTERVAL).unref()
  }

  send(message: ToSupervisor): void {
    // If the supervisor has exited, 'disconnect' follows.
    if (process.connected) process.send?.(message, undefined, undefined, () => {})
  }

  reportReadiness(): void {
    if (this.#orders) this.send({ type: 'readiness', ...this.#orders.readiness() })
  }

  kill = killSelf

  #carryOut(message: ToWorker, orders: Orders): void {
    if (message.type === 'reload') orders.reload()
    else if (message.type === 'login') orders.receive(message.record)
    else if (message.type === 'logout') orders.endSessions(message.ending)
    else if (message.type === 'measure') {
      this.send({ type: 'snapshot', id: message.id, snapshot: orders.snapshot() })
    }
  }
}

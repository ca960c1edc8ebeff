import cluster, { type Worker } from 'node:cluster'
import { randomBytes } from 'node:crypto'
import type { LoginRecord } from '../auth/login-limiter.js'
import { type ExitStatus, ExitStatus as Status } from '../htgate/exit-status.js'
import { notices, say } from '../htgate/messages.js'
import type { Settings } from '../htgate/options/index.js'
import { openAdmin } from '../operations/admin.js'
import { merge } from '../operations/metrics.js'

// --workers: one process that accepts connections and hands them out, and some that serve them (node:cluster). All
// that they have to tell each other goes through the first: signals, logins, metrics.

export type ToWorker =
  | { readonly do: 'drain' | 'end'; readonly why: string }
  | { readonly do: 'reload' }
  | { readonly do: 'login'; readonly record: LoginRecord }
  | { readonly do: 'report'; readonly id: number }

export type FromWorker =
  | { readonly is: 'ready' | 'not-ready' }
  | { readonly is: 'login'; readonly record: LoginRecord }
  | { readonly is: 'report'; readonly id: number; readonly metrics: string }

/** Milliseconds until a worker that ended by itself is replaced, and for a report at most. */
const PAUSE = 1000

/** Of the workers, who would all say the same, the one that does. */
const SPEAKER = '1'
export const speaks = cluster.isPrimary || process.env.HTGATE_SPEAKER === SPEAKER

/** A secret of all processes together: what one of them tells of a login, the others recognize. */
const given = process.env.HTGATE_CREW_KEY
export const crewKey = given === undefined ? randomBytes(32) : Buffer.from(given, 'base64')
const KEY = { HTGATE_CREW_KEY: crewKey.toString('base64') }

/** One that is about to die hears nothing any more; its end is noticed at another place. */
const send = (worker: Worker, message: ToWorker): void => {
  worker.send(message, () => {})
}

/** Starts the workers and looks after them until a signal ends them all. */
export async function runCrew(settings: Settings): Promise<ExitStatus> {
  const ready = new Map<Worker, boolean>()
  const reports = new Map<number, (metrics: string) => void>()
  let lastReport = 0
  let ending = false

  const workers = () => Object.values(cluster.workers ?? {}) as Worker[]
  const tell = (message: ToWorker, but?: Worker) => {
    for (const worker of workers()) if (worker !== but && worker.isConnected()) send(worker, message)
  }

  cluster.on('message', (worker, message: FromWorker) => {
    if (message.is === 'login') tell({ do: 'login', record: message.record }, worker)
    else if (message.is === 'report') reports.get(message.id)?.(message.metrics)
    else ready.set(worker, message.is === 'ready')
  })

  const report = (worker: Worker) =>
    new Promise<string>((resolve) => {
      const id = ++lastReport
      const done = (metrics: string) => {
        reports.delete(id)
        clearTimeout(timer)
        resolve(metrics)
      }
      const timer = setTimeout(done, PAUSE, '')
      reports.set(id, done)
      send(worker, { do: 'report', id })
    })
  const metrics = async () => merge(await Promise.all(workers().map(report)))
  const isReady = () => !ending && workers().length > 0 && workers().every((worker) => ready.get(worker))
  const admin = await openAdmin(settings.admin, { ready: isReady, metrics })

  // The first one finds out whether all of it works, and says so.
  const first = cluster.fork({ ...KEY, HTGATE_SPEAKER: SPEAKER })
  let speaker = first
  const failed = await new Promise<number | undefined>((resolve) => {
    first.once('exit', (status) => resolve(status ?? Status.failed))
    first.once('message', () => resolve(undefined))
  })
  if (failed !== undefined) return failed as ExitStatus // The caller ends the process, and --admin with it.
  for (let i = 1; i < settings.workers; i++) cluster.fork(KEY)
  say(notices.workers(settings.workers))

  process.on('SIGHUP', () => tell({ do: 'reload' }))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      tell({ do: ending ? 'end' : 'drain', why: signal })
      ending = true
    })
  }
  await new Promise<void>((resolve) => {
    cluster.on('exit', (worker, status, signal) => {
      ready.delete(worker)
      if (ending) {
        if (workers().length === 0) resolve()
        return
      }
      say(notices.workerEnded(signal ?? `exit status ${status}`))
      setTimeout(() => {
        if (ending) return
        if (worker === speaker) speaker = cluster.fork({ ...KEY, HTGATE_SPEAKER: SPEAKER })
        else cluster.fork(KEY)
      }, PAUSE)
    })
  })
  admin?.closeAllConnections()
  admin?.close()
  return Status.ok
}

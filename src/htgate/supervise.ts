import { printMetrics } from '../operations/metrics.js'
import { Supervisor } from '../processes/supervisor.js'
import { ExitStatus } from './exit-status.js'
import { openAdmin } from './listening.js'
import { notices, say } from './messages.js'
import type { Settings } from './options/index.js'

/** Runs workers until a signal or `stop` ends them all. */
export async function supervise({ workers, admin }: Settings, stop: Promise<string>): Promise<ExitStatus> {
  const supervisor = new Supervisor({ count: workers, onExit: (how) => say(notices.workerExited(how)) })
  const closeAdmin = await openAdmin(admin, {
    readiness: () => supervisor.readiness(),
    metrics: async () => printMetrics(await supervisor.metrics()),
  })
  const failed = await supervisor.start()
  if (failed !== undefined) return failed as ExitStatus // The process exits, and the admin endpoint with it.
  say(notices.workers(workers))
  void stop.then((cause) => supervisor.stop(cause))
  await supervisor.stopped()
  closeAdmin()
  return ExitStatus.ok
}

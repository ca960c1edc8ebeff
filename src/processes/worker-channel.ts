import cluster from 'node:cluster'
import type { LoginRecord } from '../auth/login-limiter.js'
import type { FromWorker, ToWorker } from './supervisor.js'

/** What a process that serves is told from outside, by signals or, among --workers, by the first process. */
export interface Control {
  onReload: () => void
  onLogin: (record: LoginRecord) => void
  metrics: () => string
  /** Resolves when the process is to come to its end, to what made it. At the second time it ends at once. */
  readonly ended: Promise<string>
  tell(message: FromWorker): void
}

export function control(): Control {
  let end = (_: string) => {}
  let times = 0
  const self: Control = {
    onReload() {},
    onLogin() {},
    metrics: () => '',
    ended: new Promise((resolve) => {
      end = (why) => {
        if (++times > 1) die()
        resolve(why)
      }
    }),
    tell(message) {
      // Where the first process is gone, 'disconnect' comes as well.
      if (process.connected) process.send?.(message, undefined, undefined, () => {})
    },
  }
  if (cluster.isWorker) obey(self, end)
  else {
    process.on('SIGHUP', () => self.onReload())
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(signal))
  }
  return self
}

/** Ends the process at once, as a signal does: `exit` waits for the thread that writes the log, which may be stuck. */
export function die(): void {
  process.removeAllListeners('SIGTERM')
  process.kill(process.pid, 'SIGTERM')
}

/** A signal that the terminal or systemd sends to all processes at once is the first one's to handle. */
function obey(self: Control, end: (why: string) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('disconnect', () => end('the first process is gone'))
  process.on('message', (message: ToWorker) => {
    if (message.do === 'login') self.onLogin(message.record)
    else if (message.do === 'report') self.tell({ is: 'report', id: message.id, metrics: self.metrics() })
    else if (message.do === 'reload') self.onReload()
    else end(message.why)
  })
}

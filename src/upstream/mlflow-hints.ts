import type { Exchange } from '../gate/exchange.js'
import { notices } from '../htgate/messages.js'
import type { Log } from '../operations/log.js'

// MLflow 3.5 and newer answers 403 to a Host that it does not know, and to a browser whose page came from another one
// (mlflow.server.security_utils). Whoever sees that 403 looks for the reason at the gate.

const REFUSALS = [
  { says: 'Invalid Host header', notice: notices.mlflowHost },
  { says: 'Cross-origin request blocked', notice: notices.mlflowOrigin },
]

/** Once in so many milliseconds is enough. */
const INTERVAL = 60_000
const told = new Map<string, number>()

/** Says in the log which option of MLflow is missing, if that is what `body` complains of. */
export function explainRefusal({ head }: Exchange, body: Buffer, log: Log): void {
  for (const { says, notice } of REFUSALS) {
    if (!body.includes(says)) continue
    if (performance.now() - (told.get(says) ?? -INTERVAL) < INTERVAL) return
    told.set(says, performance.now())
    log.event('warn', notice, { host: head.host ?? '' })
  }
}

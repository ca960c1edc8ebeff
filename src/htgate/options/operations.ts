import { FORMATS } from '../../operations/log.js'
import { group, optional, withDefault } from './declaration.js'
import { address, oneOf, positive, seconds } from './parsers.js'

/** How the process runs and what it reports. */
export const operations = group('Operations', {
  log: withDefault(
    { argument: 'format', help: 'format of the log on standard output', choices: FORMATS, default: 'json' },
    oneOf(FORMATS),
  ),
  admin: optional(
    {
      argument: 'address',
      help: 'serve /healthz, /readyz and /metrics (Prometheus) there, without a login',
      defaultText: 'not served',
    },
    address,
  ),
  workers: withDefault(
    { argument: 'number', help: 'worker processes, to use several processors', default: '1' },
    positive,
  ),
  drainTimeout: withDefault(
    {
      argument: 'seconds',
      help: 'how long SIGTERM waits for requests in progress',
      default: '30',
      unit: 's',
    },
    seconds,
  ),
})

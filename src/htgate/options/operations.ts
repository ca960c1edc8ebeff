import { FORMATS } from '../../operations/log.js'
import { group, optional, withDefault } from './declaration.js'
import { address, oneOf, positive, seconds } from './parsers.js'

/** How the process runs and what it reports. */
export const operations = group('Operations', {
  log: withDefault(
    { argument: 'format', help: 'log format on standard output', choices: FORMATS, default: 'json' },
    oneOf(FORMATS),
  ),
  admin: optional(
    {
      argument: 'address',
      help: 'serve /healthz, /readyz and /metrics (Prometheus) on this address, without a login',
      defaultText: 'none',
    },
    address,
  ),
  workers: withDefault(
    { argument: 'number', help: 'worker processes, to use several CPUs', default: '1' },
    positive,
  ),
  drainTimeout: withDefault(
    {
      argument: 'seconds',
      help: 'how long to wait after SIGTERM for requests in progress',
      default: '30',
      unit: 's',
    },
    seconds,
  ),
})

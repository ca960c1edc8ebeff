import type { ClientError, OutgoingRequest } from '../../src/http1/client-connection.js'
import type { ClientPool } from '../../src/http1/client-pool.js'
import { until } from '../support/until.js'

/** Sends a request, and records what is received. */
export function ask(
  pool: ClientPool,
  request: Partial<OutgoingRequest> = {},
  fresh = false,
  drain = () => {},
) {
  const events: string[] = []
  let error: ClientError | undefined
  const connection = pool.send(
    { method: 'GET', path: '/', lines: 'Host: x\r\n', length: 0, ...request },
    {
      inform: (head) => void events.push(`${head.status}`),
      respond: (head) => {
        events.push(`${head.status}`)
        if (head.status === 101) connection.tunnel()
      },
      body: (bytes) => void events.push(bytes.toString('latin1')),
      end: (trailers) => void events.push(`end${trailers ? ` ${trailers.text.trim()}` : ''}`),
      drain,
      failed: (each) => {
        error = each
        events.push(each.failure)
      },
    },
    fresh,
  )
  const over = () =>
    until(
      () => error !== undefined || events.at(-1)?.startsWith('end') === true,
      () => events.map((event) => event.slice(0, 100)),
    )
  return { connection, events, over, error: () => error }
}

import type { Server } from 'node:http'
import { notices } from '../htgate/messages.js'
import type { Log } from '../operations/log.js'
import type { Gate } from './gate.js'

const POLL = 50

/**
 * Takes no more connections, lets what has begun come to its end, and closes what is idle.
 * Whatever is left after `timeout` milliseconds is broken off, and so are tunnels, which have no end of their own.
 */
export async function drain(
  servers: readonly Server[],
  gate: Gate,
  timeout: number,
  log: Log,
): Promise<void> {
  gate.draining = true
  const closed = Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  gate.closeIdle()
  const poll = setInterval(() => gate.closeIdle(), POLL)
  const deadline = setTimeout(() => {
    log.event('warn', notices.brokenOff(timeout / 1000))
    for (const server of servers) server.closeAllConnections()
    for (const tunnel of gate.tunnels) tunnel.destroy()
  }, timeout)
  await closed
  clearInterval(poll)
  clearTimeout(deadline)
}

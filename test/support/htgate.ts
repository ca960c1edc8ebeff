import { fileURLToPath } from 'node:url'
import { freePort, type Server, startServer } from './servers.js'

/** The launcher of our htgate. */
export const OUR_HTGATE = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))

/** Our htgate, as it was built last, on a free port, with these options beside --listen. */
export async function startHtgate(args: readonly string[]): Promise<Server> {
  const port = await freePort()
  return startServer(process.execPath, [OUR_HTGATE, ...args, '--listen', `127.0.0.1:${port}`], { port })
}

/** One line of its log about a request. */
export interface LogEntry {
  readonly user: string | null
  readonly client: string
  readonly method: string
  readonly path: string
  readonly status: number
}

/** What its log says of requests, so far. */
export function logOf(htgate: Server): LogEntry[] {
  return htgate
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes('"status":'))
    .map((line) => JSON.parse(line) as LogEntry)
}

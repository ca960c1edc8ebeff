import { fileURLToPath } from 'node:url'
import { main } from '../../src/htgate/main.js'
import { capture } from './capture.js'
import { freePort, type Server, startServer } from './servers.js'

/** The launcher of our htgate. */
export const OUR_HTGATE = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))

/** Starts the last build of our htgate on a free port, with these options in addition to --listen. */
export async function startHtgate(args: readonly string[]): Promise<Server> {
  const port = await freePort()
  return startServer(process.execPath, [OUR_HTGATE, ...args, '--listen', `127.0.0.1:${port}`], { port })
}

/**
 * Runs our htgate in this process, with a command line that neither serves nor reads standard input: `token`, `--check`.
 * @param env its whole environment
 */
export async function htgateHere(args: readonly string[], env: Record<string, string> = {}) {
  let [stdout, stderr] = ['', '']
  const run = () => main(args, env)
  const status = await capture(
    'stdout',
    (text) => (stdout += text),
    () => capture('stderr', (text) => (stderr += text), run),
  )
  return { status, stdout, stderr }
}

/** A line of the log about a request. */
export interface LogEntry {
  readonly user: string | null
  readonly client: string
  readonly method: string
  readonly path: string
  readonly status: number
}

/** The requests in its log so far. */
export function logOf(htgate: Server): LogEntry[] {
  return htgate
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes('"status":'))
    .map((line) => JSON.parse(line) as LogEntry)
}

import { fileURLToPath } from 'node:url'
import { main } from '../../src/htgate/main.js'
import { heard } from './heard.js'
import { freePort, type Server, startServer } from './servers.js'

/** The launcher of our htgate. */
export const OUR_HTGATE = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))

/** Our htgate, as it was built last, on a free port, with these options beside --listen. */
export async function startHtgate(args: readonly string[]): Promise<Server> {
  const port = await freePort()
  return startServer(process.execPath, [OUR_HTGATE, ...args, '--listen', `127.0.0.1:${port}`], { port })
}

/**
 * Our htgate's command line, run in this process, for what neither serves nor reads standard input: `token`, `--check`.
 * @param env all variables that it sees
 */
export async function htgateHere(args: readonly string[], env: Record<string, string> = {}) {
  let [stdout, stderr] = ['', '']
  const run = () => main(args, env)
  const status = await heard(
    'stdout',
    (text) => (stdout += text),
    () => heard('stderr', (text) => (stderr += text), run),
  )
  return { status, stdout, stderr }
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

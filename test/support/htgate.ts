import { fileURLToPath } from 'node:url'
import { freePort, type Server, startServer } from './servers.js'

/** The launcher of our htgate. */
export const OUR_HTGATE = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))

/** Our htgate, as it was built last, on a free port, with these options beside --listen. */
export async function startHtgate(args: readonly string[]): Promise<Server> {
  const port = await freePort()
  return startServer(process.execPath, [OUR_HTGATE, ...args, '--listen', `127.0.0.1:${port}`], { port })
}

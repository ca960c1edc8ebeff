import { createServer, type Server } from 'node:http'
import { notices, say } from '../htgate/messages.js'
import { type Address, printAddress } from '../system/address.js'
import { listen } from '../system/listen.js'

interface AdminSource {
  /** Whether requests are served: the password file can be read, and the gate is not about to end. */
  ready(): boolean
  metrics(): string | Promise<string>
}

/** The server of --admin, if it is wanted. */
export async function openAdmin(
  address: Address | undefined,
  source: AdminSource,
): Promise<Server | undefined> {
  if (address === undefined) return undefined
  const server = createAdminServer(source)
  say(notices.admin(printAddress(await listen(server, address))))
  return server
}

/** What operators and their machines ask; not for the world, as it knows no login. */
function createAdminServer(source: AdminSource): Server {
  return createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, async (request, response) => {
    const path = request.url?.split('?')[0]
    const answer = (status: number, type: string, body: string) =>
      response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body)
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(405, 'text/plain', 'GET or HEAD only\n')
    else if (path === '/healthz') answer(200, 'text/plain', 'alive\n')
    else if (path === '/readyz') {
      if (source.ready()) answer(200, 'text/plain', 'ready\n')
      else answer(503, 'text/plain', 'not ready: the password file cannot be read, or the gate is ending\n')
    } else if (path === '/metrics')
      answer(200, 'text/plain; version=0.0.4; charset=utf-8', await source.metrics())
    else answer(404, 'text/plain', 'there are /healthz, /readyz and /metrics\n')
  })
}

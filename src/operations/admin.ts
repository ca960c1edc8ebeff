import { createServer, type Server } from 'node:http'

/** The source of what the admin endpoint reports. */
export interface AdminSource {
  /** Whether new logins and requests are served, and if not, why, in one line. */
  readiness(): { readonly ready: boolean; readonly detail?: string }
  /** In Prometheus' text format. */
  metrics(): Promise<string>
}

/** Creates the server of --admin, for monitoring. It requires no login. The caller makes it listen. */
export function createAdminServer(source: AdminSource): Server {
  return createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, async (request, response) => {
    const path = request.url?.split('?')[0]
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') =>
      response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body)
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(405, 'GET and HEAD only\n')
    else if (path === '/healthz') answer(200, 'alive\n')
    else if (path === '/readyz') {
      const { ready, detail } = source.readiness()
      if (ready) answer(200, 'ready\n')
      else answer(503, `not ready${detail === undefined ? '' : `: ${detail}`}\n`)
    } else if (path === '/metrics') {
      answer(200, await source.metrics(), 'text/plain; version=0.0.4; charset=utf-8')
    } else answer(404, 'not found; see /healthz, /readyz and /metrics\n')
  })
}

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

// A server to stand behind gates and proxies, which tells what reached it.

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly bytes: number
  readonly sha256: string
}

export interface Echo {
  readonly port: number
  /** The requests that reached it, oldest first, each as soon as its head is there. */
  readonly targets: string[]
  /** Those of which some of the body has come, too. */
  readonly begun: string[]
  stop(): Promise<void>
}

/**
 * Answers each request with a `Seen` of it, after its body. But `/status/NNN` answers with that status, `/events` is a stream of server-sent events that sends
 * one and stays open, and an upgrade becomes a tunnel that sends back what it gets.
 */
export async function startEcho(): Promise<Echo> {
  const targets: string[] = []
  const begun: string[] = []
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy()) // The client went away.
  })
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    targets.push(request.url as string)
    if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: first\n\n')
      return
    }
    const [, status] = /^\/status\/(\d{3})$/.exec(request.url as string) ?? []
    if (status !== undefined) {
      response.writeHead(Number(status)).end(`status ${status}`)
      return
    }
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of request) {
      if (bytes === 0) begun.push(request.url as string)
      hash.update(chunk)
      bytes += chunk.length
    }
    const { method, url, headers } = request
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, url, headers, bytes, sha256: hash.digest('hex') }))
  }
  server.on('upgrade', (request, socket) => {
    targets.push(request.url as string)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.on('error', () => {}).pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    targets,
    begun,
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

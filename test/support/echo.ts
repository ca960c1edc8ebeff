import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

// An upstream for gates and proxies that records the requests it receives.

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly bytes: number
  readonly sha256: string
}

export interface Echo {
  readonly port: number
  /** The requests received, oldest first, each as soon as its head is complete. */
  readonly targets: string[]
  /** Those of which part of the body has been received. */
  readonly begun: string[]
  /** The number of connections without a request in progress. They are never closed from this end. */
  idleConnections(): number
  stop(): Promise<void>
}

/**
 * Responds to each request with a `Seen`, once its body is complete. `/status/NNN` responds with that status, `/events` sends one
 * server-sent event and stays open, and an upgrade opens a tunnel that echoes.
 */
export async function startEcho(): Promise<Echo> {
  const targets: string[] = []
  const begun: string[] = []
  const idle = new Set<Socket>()
  const server = createServer((request, response) => {
    const { socket } = request
    idle.delete(socket)
    response.on('finish', () => socket.destroyed || idle.add(socket))
    answer(request, response).catch(() => response.destroy()) // The client has disconnected.
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
  server.keepAliveTimeout = 0
  server.on('connection', (socket) => {
    idle.add(socket)
    socket.on('close', () => idle.delete(socket))
  })
  server.on('upgrade', (request, socket) => {
    idle.delete(request.socket)
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
    idleConnections: () => idle.size,
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

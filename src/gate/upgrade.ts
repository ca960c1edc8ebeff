import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'

/** WebSocket is the only protocol that passes: within HTTP/2 over cleartext, for example, requests would pass unseen. */
export function isWebSocket({ method, headers }: IncomingMessage): boolean {
  if (method !== 'GET' || headers.upgrade?.toLowerCase() !== 'websocket') return false
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0
}

/**
 * Returns a request to its server without its `Upgrade`, which a server may ignore (RFC 9110, section 7.8): Java's and
 * curl's clients offer HTTP/2 with their first request, and are content with HTTP/1.1.
 */
export function withoutUpgrade(request: IncomingMessage, socket: Duplex, first: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.toLowerCase() !== 'upgrade') head += `${name}: ${rawHeaders[i + 1]}\r\n`
  }
  socket.unshift(Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), first]))
  const { server, encrypted } = socket as TLSSocket & { server: Server }
  server.emit(encrypted ? 'secureConnection' : 'connection', socket)
}

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Raw, raw, until } from './gate.js'

/** A server's text frame with this payload. */
export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  const head = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 0xff]
  return Buffer.concat([Buffer.from([0x81, ...head]), payload])
}

export interface WebSocketServer {
  readonly url: string
  readonly server: Server
  /** The connections that have been upgraded. */
  readonly sockets: Socket[]
}

/** Starts an upstream that upgrades every WebSocket and responds to other requests with an endless event stream. */
export async function startWebSocketServer(): Promise<WebSocketServer> {
  const sockets: Socket[] = []
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
  })
  server.on('upgrade', (request, socket: Socket) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    socket
      .on('error', () => {})
      .on('end', () => socket.end())
      .resume()
    sockets.push(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, sockets }
}

/** Opens a WebSocket through a gate, and waits for the 101. `frames` is what was received after the head. */
export async function openWebSocket(
  port: number,
  authorization: string,
): Promise<Raw & { frames(): Buffer }> {
  const connection = raw(
    port,
    `GET /ws HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  )
  const { text } = connection
  await until(() => text().includes('\r\n\r\n'), text)
  const frames = () => Buffer.from(text().slice(text().indexOf('\r\n\r\n') + 4), 'latin1')
  return { ...connection, frames }
}

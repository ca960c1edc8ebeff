import type { Server, Socket } from 'node:net'

// Handles clients that use http:// on an HTTPS port. OpenSSL would fail at the first byte, and the client would see a closed
// connection, which MLflow's client retries for a minute. So the first byte is checked before TLS gets it.

/** How long a client may take to send its first byte, in milliseconds. */
const PATIENCE = 15_000

/** How long a client may take to read the response, in milliseconds. */
const LINGER = 2000

/** The first byte of a TLS record with a handshake (RFC 8446, section 5.1). */
const HANDSHAKE = 0x16

const isLetter = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a

/** Passes connections that start with an HTTP request instead of TLS to `onPlain`. Must be called before `server` listens. */
export function divertPlainHttp(server: Server, onPlain: (socket: Socket) => void): void {
  const [toTls] = server.listeners('connection')
  if (toTls === undefined) throw new Error('not a TLS server')
  server.removeListener('connection', toTls as (socket: Socket) => void)
  server.on('connection', (socket: Socket) => {
    const giveUp = () => socket.destroy()
    socket.setTimeout(PATIENCE, giveUp)
    socket.on('error', giveUp)
    socket.once('readable', () => {
      const first: Buffer | null = socket.read()
      socket.setTimeout(0)
      socket.removeListener('timeout', giveUp)
      if (first === null) return socket.destroy()
      const [byte = HANDSHAKE] = first
      if (byte !== HANDSHAKE && isLetter(byte)) return onPlain(socket)
      socket.removeListener('error', giveUp)
      socket.unshift(first)
      toTls.call(server, socket)
    })
  })
}

const BODY = 'This port serves HTTPS: the URL must start with https://\n'

/** The response to such a client. */
export const PLAIN_HTTP_RESPONSE = `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`

/** Responds with 400. Keeps reading what the client sends, so that it sees the response before the connection closes. */
export function respondToPlainHttp(socket: Socket): void {
  socket.on('error', () => socket.destroy())
  socket.resume()
  // A client that does not read the response would not notice the end of the connection.
  socket.setTimeout(LINGER, () => socket.resetAndDestroy())
  socket.end(PLAIN_HTTP_RESPONSE)
}

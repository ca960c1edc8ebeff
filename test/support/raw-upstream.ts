import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface RawUpstream {
  readonly url: string
  /** Everything received so far, on all connections. */
  text(): string
  /** The number of connections on which something was received. */
  connections(): number
  /** The number of open connections. */
  open(): number
}

/**
 * A server on bare sockets, which can send what HTTP libraries do not permit.
 *
 * @param onData called with what was received; `all` is everything so far on that connection, `nth` the connection's number
 */
export async function startRawUpstream(
  onData: (socket: Socket, part: string, all: string, nth: number) => void,
): Promise<RawUpstream> {
  let connections = 0
  let open = 0
  let text = ''
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open++
    socket.on('close', () => open--)
    let nth = 0 // The gate's test connection at the start sends nothing.
    let all = ''
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('data', (bytes) => {
      nth ||= ++connections
      const part = bytes.toString('latin1')
      all += part
      text += part
      onData(socket, part, all, nth)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    text: () => text,
    connections: () => connections,
    open: () => open,
  }
}

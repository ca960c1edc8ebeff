import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface RawUpstream {
  readonly url: string
  /** All that came so far, on all connections. */
  text(): string
  /** Those on which something came. */
  connections(): number
  /** Connections that are open now. */
  open(): number
}

/**
 * A server that speaks bytes: what HTTP libraries do not let one say.
 *
 * @param onData called with what came; `all` is what came on that connection so far, `nth` the number of the connection
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
    let nth = 0 // The gate connects once at the start, and sends nothing.
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

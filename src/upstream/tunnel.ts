import { type Duplex, pipeline } from 'node:stream'
import type { Exchange } from '../gate/exchange.js'
import { ResponseHead } from '../gate/headers.js'

/** From here on the two connections are one: bytes go through as they come, both ways, until one side ends. */
export function tunnel(exchange: Exchange, raw: Buffer[], upstream: Duplex): void {
  const client = exchange.tunnel as Duplex
  exchange.response.detachSocket(exchange.request.socket)
  const lines = [
    `HTTP/1.1 101 Switching Protocols`,
    'Connection: Upgrade',
    `Upgrade: ${exchange.head.upgrade}`,
  ]
  const headers = new ResponseHead(raw).endToEnd
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`)
  client.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  upstream.on('data', (chunk: Buffer) => {
    exchange.bytes += chunk.length
  })
  const over = () => {
    client.destroy()
    upstream.destroy()
    exchange.response.emit('close')
  }
  let open = 2
  const one = (error?: Error | null) => {
    if (error || --open === 0) over()
  }
  pipeline(client, upstream, one)
  pipeline(upstream, client, one)
}

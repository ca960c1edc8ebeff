import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Tunnel } from '../../src/gate/tunnel.js'
import { until } from '../support/gate.js'
import { textFrame } from '../support/websocket.js'

/** Both ends of a connection. */
async function connection(): Promise<[near: Socket, far: Socket]> {
  const server = createServer({ allowHalfOpen: true })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  server.close()
  onTestFinished(() => {
    near.destroy()
    far.destroy()
  })
  near.on('error', () => {})
  far.on('error', () => {})
  return [near, far]
}

/** A tunnel between a client and an upstream, and what the client has received. */
async function open() {
  const [client, clientSide] = await connection()
  const [upstream, upstreamSide] = await connection()
  const parts: Buffer[] = []
  client.on('data', (part: Buffer) => parts.push(part))
  let bytes = 0
  const tunnel = new Tunnel(clientSide, upstreamSide, (count) => {
    bytes += count
  })
  return { tunnel, client, upstream, received: () => Buffer.concat(parts), bytes: () => bytes }
}

const CLOSE = Buffer.concat([Buffer.from([0x88, 15, 0x03, 0xf0]), Buffer.from('login revoked')])

test('bytes pass both ways, and are counted towards the client', async () => {
  const { client, upstream, received, bytes } = await open()
  client.write('up')
  const [up] = await once(upstream, 'data')
  expect(String(up)).toBe('up')
  upstream.write(textFrame('down'))
  await until(() => received().length === 6)
  expect(bytes()).toBe(6)
  upstream.end()
  await once(client, 'end')
})

test('between two frames, it closes with 1008 at once', async () => {
  const { tunnel, client, upstream, received } = await open()
  upstream.write(textFrame('hello'))
  await until(() => received().length === 7)
  tunnel.terminate()
  await once(client, 'close')
  expect(received().subarray(7)).toEqual(CLOSE)
  upstream.resume()
  await until(() => upstream.destroyed)
})

test('within a frame, it lets that frame end, and nothing behind it', async () => {
  const { tunnel, client, upstream, received } = await open()
  const frame = textFrame('x'.repeat(1000))
  upstream.write(frame.subarray(0, 500))
  await until(() => received().length === 500)
  tunnel.terminate()
  upstream.write(Buffer.concat([frame.subarray(500), textFrame('secret')]))
  await once(client, 'close')
  expect(received()).toEqual(Buffer.concat([frame, CLOSE]))
})

test('within a frame that does not end, it closes all the same', async () => {
  const { tunnel, client, upstream, received } = await open()
  upstream.write(textFrame('x'.repeat(1000)).subarray(0, 500))
  await until(() => received().length === 500)
  tunnel.terminate()
  await once(client, 'close')
  expect(received().length).toBe(500)
})

test('what the client sends afterwards reaches no one', async () => {
  const { tunnel, client, upstream } = await open()
  let seen = ''
  upstream.on('data', (part) => (seen += part))
  tunnel.terminate()
  client.write('too late')
  await once(client, 'close')
  expect(seen).toBe('')
})

import { expect, test } from 'vitest'
import { until } from '../support/gate.js'
import { openGate } from '../support/gate-in-process.js'
import { basic } from '../support/requests.js'
import { TableProvider } from '../support/table-provider.js'
import { openWebSocket, startWebSocketServer, textFrame } from '../support/websocket.js'

/** Opens a WebSocket through a gate; `revoke` ends its user's login. */
async function open() {
  const provider = new TableProvider(new Map([['ann', { password: 'secret' }]]))
  const server = await startWebSocketServer()
  const gate = await openGate({ providers: [provider], upstream: server.url })
  const client = await openWebSocket(gate.port, basic('ann', 'secret'))
  await until(() => server.sockets.length === 1)
  const [upstream] = server.sockets as [(typeof server.sockets)[0]]
  const revoke = () => {
    provider.rows.clear()
    provider.changed()
  }
  return { gate, client, upstream, revoke }
}

const CLOSE = Buffer.concat([Buffer.from([0x88, 15, 0x03, 0xf0]), Buffer.from('login revoked')])

test('bytes pass both ways, and those to the client are counted', async () => {
  const { gate, client, upstream } = await open()
  let seen = ''
  upstream.on('data', (part) => {
    seen += part
  })
  client.socket.write('up')
  await until(() => seen === 'up')
  upstream.write(textFrame('down'))
  await until(() => client.frames().length === 6)
  upstream.end()
  await client.closed
  await until(() => gate.log().length === 1)
  expect(gate.log()[0]).toMatchObject({ status: 101, bytes: 6, path: '/ws', user: 'ann' })
})

test('a login revoked between two frames: close code 1008, and both connections end', async () => {
  const { client, upstream, revoke } = await open()
  upstream.write(textFrame('hello'))
  await until(() => client.frames().length === 7)
  revoke()
  await client.closed
  expect(client.frames().subarray(7)).toEqual(CLOSE)
  await until(() => upstream.destroyed)
})

test('a login revoked within a frame: that frame is completed, then 1008, and nothing follows', async () => {
  const { client, upstream, revoke } = await open()
  const frame = textFrame('x'.repeat(1000))
  upstream.write(frame.subarray(0, 500))
  await until(() => client.frames().length === 500)
  revoke()
  upstream.write(Buffer.concat([frame.subarray(500), textFrame('secret')]))
  await client.closed
  // If the rest took longer than the gate waits, on a busy machine, there is no close frame.
  const received = client.frames()
  expect(received.length === 500 || received.equals(Buffer.concat([frame, CLOSE]))).toBe(true)
  expect(String(received)).not.toContain('secret')
})

test('a login revoked within a frame that does not end: both connections are closed anyway', async () => {
  const { client, upstream, revoke } = await open()
  upstream.write(textFrame('x'.repeat(1000)).subarray(0, 500))
  await until(() => client.frames().length === 500)
  revoke()
  await client.closed
  expect(client.frames().length).toBe(500)
  await until(() => upstream.destroyed)
})

test('bytes sent by the client after the revocation are dropped', async () => {
  const { gate, client, upstream, revoke } = await open()
  let seen = ''
  upstream.on('data', (part) => {
    seen += part
  })
  upstream.write(textFrame('x'.repeat(1000)).subarray(0, 500))
  await until(() => client.frames().length === 500)
  revoke()
  // The gate is in this process: it has judged the login again after these turns.
  for (let i = 0; i < 10; i++) await new Promise(setImmediate)
  client.socket.write('too late')
  await client.closed
  await until(() => gate.log().length === 1)
  expect(seen).toBe('')
})

import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ALICE, asAlice, memoryOf, startGateProcess, startUpstream, until } from '../support/gate.js'

// Connections that are free for a client to hold must be cheap for the gate.

const IDLE = process.env.HTGATE_FULL === '1' ? 10_000 : 1000
const SLOW = 500
const UNREAD = 30
const MIB = 1024 * 1024
const BIG = Buffer.alloc(16 * MIB, 'x')

/** Opens connections, a few at a time, and waits until each is ready. */
async function open(
  port: number,
  count: number,
  onOpen: (socket: Socket) => Promise<void>,
): Promise<Socket[]> {
  const sockets: Socket[] = []
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  const next = async (): Promise<void> => {
    while (sockets.length < count) {
      // Each loopback address has a separate range of ports.
      const socket = connect({
        port,
        host: '127.0.0.1',
        localAddress: `127.0.0.${2 + (sockets.length % 100)}`,
      })
      sockets.push(socket.on('error', () => {}))
      await onOpen(socket)
    }
  }
  await Promise.all(Array.from({ length: 50 }, next))
  return sockets
}

test(`${IDLE} idle connections take little memory`, { timeout: 300_000 }, async ({ annotate }) => {
  const upstream = await startUpstream()
  const gate = await startGateProcess({ upstream: upstream.url })
  await asAlice(gate.url)
  const before = memoryOf(gate)
  const sockets = await open(gate.port, IDLE, (socket) => {
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${ALICE}\r\n\r\n`)
    return new Promise((resolve) => socket.once('data', () => resolve()))
  })
  const each = (memoryOf(gate) - before) / IDLE
  await annotate(`${Math.round(each / 1024)} kB for each idle connection`)
  // Memory allocated by the first requests counts, too.
  expect(each).toBeLessThan(20 * 1024 + (30 * MIB) / IDLE)
  expect((await asAlice(gate.url)).status).toBe(200)
  expect(sockets.filter((socket) => socket.destroyed)).toEqual([])
})

test(`${SLOW} uploads that trickle, and downloads that are never read, take little memory`, {
  timeout: 120_000,
}, async ({ annotate }) => {
  const upstream = await startUpstream((request, response) => {
    if (request.url === '/big') response.end(BIG)
    else if (request.method === 'GET') response.end('ok')
    else request.resume().on('error', () => {})
  })
  const gate = await startGateProcess({ upstream: upstream.url })
  await asAlice(gate.url)
  const before = memoryOf(gate)
  const connected = (socket: Socket) =>
    new Promise<void>((resolve) => socket.once('connect', () => resolve()))

  const uploads = await open(gate.port, SLOW, (socket) => {
    socket.write(`PUT / HTTP/1.1\r\nHost: x\r\nAuthorization: ${ALICE}\r\nContent-Length: 1000000\r\n\r\n`)
    return connected(socket)
  })
  const timer = setInterval(() => {
    for (const socket of uploads) socket.write('x')
  }, 500)
  onTestFinished(() => clearInterval(timer))
  await until(
    () => upstream.heads() > SLOW,
    () => upstream.heads(),
  )
  const eachUpload = (memoryOf(gate) - before) / SLOW

  let begun = 0
  await open(gate.port, UNREAD, (socket) => {
    socket.write(`GET /big HTTP/1.1\r\nHost: x\r\nAuthorization: ${ALICE}\r\n\r\n`)
    socket.once('data', () => {
      begun++
      socket.pause()
    })
    return connected(socket)
  })
  await until(
    () => begun === UNREAD,
    () => begun,
  )
  const each = (memoryOf(gate) - before) / (SLOW + UNREAD)
  await annotate(
    `${Math.round(eachUpload / 1024)} kB for each upload, ${Math.round(each / 1024)} kB with the downloads`,
  )
  expect(each).toBeLessThan(0.25 * MIB)
  expect((await asAlice(gate.url)).status).toBe(200)
})

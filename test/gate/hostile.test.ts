import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  ALICE,
  asAlice,
  type Gate,
  raw,
  startGate,
  startUpstream,
  statuses,
  type Upstream,
  until,
} from '../support/gate.js'

// Malicious clients on bare connections. Whatever they send, only authenticated and unambiguous requests reach the upstream,
// and the next user is served.

const LOGIN = `Authorization: ${ALICE}\r\n`

async function start(): Promise<{ gate: Gate; upstream: Upstream }> {
  const upstream = await startUpstream()
  return { upstream, gate: await startGate({ upstream: upstream.url }) }
}

async function stillServes(gate: Gate): Promise<void> {
  expect((await asAlice(gate.url)).status).toBe(200)
}

/** Sends `text` and waits for `count` responses, or the end. */
async function send(gate: Gate, text: string, count = 1): Promise<string> {
  const { socket, closed, text: received } = raw(gate.port, text)
  let over = false
  void closed.then(() => (over = true))
  await until(() => over || statuses(received()).length >= count, received)
  socket.destroy()
  return received()
}

describe('without a login, nothing reaches the upstream', () => {
  const attacks: [string, string][] = [
    [
      'CL.TE',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    [
      'TE.CL',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1e\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n\r\n0\r\n\r\n',
    ],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    [
      'a list of lengths',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 30\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    ['a length with a sign', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello'],
    ['an odd transfer coding', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    [
      'a transfer coding with a tab',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tchunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
    ],
    [
      'a space before the colon',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
    ],
    ['obs-fold', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n Authorization: Basic eDp5\r\n\r\n'],
    ['bare LF', 'GET / HTTP/1.1\nHost: x\nX: y\n\nGET /evil HTTP/1.1\nHost: x\n\n'],
    ['bare CR', 'GET / HTTP/1.1\r\nHost: x\r\nX: a\rAuthorization: Basic eDp5\r\n\r\n'],
    ['NUL in a header', 'GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n'],
    [
      'a bad chunk size',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n',
    ],
    ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n'],
    ['an absolute target', 'GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: x\r\n\r\n'],
    [
      'an upgrade followed by a request',
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    ['HTTP/2 with prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    ['noise', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two Authorization headers', `GET / HTTP/1.1\r\nHost: x\r\n${LOGIN}Authorization: Basic eDp5\r\n\r\n`],
  ]

  test('whatever credentials are tried', async () => {
    const { gate, upstream } = await start()
    for (const [name, text] of attacks) {
      const answer = await send(gate, text)
      for (const status of statuses(answer)) expect([400, 401, 405], `${name}: ${answer}`).toContain(status)
    }
    await stillServes(gate)
    expect(upstream.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /'])
    expect(upstream.heads()).toBe(1)
  })

  test('a second, pipelined request needs its own login', async () => {
    const { gate, upstream } = await start()
    const answer = await send(
      gate,
      `GET /in HTTP/1.1\r\nHost: x\r\n${LOGIN}\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n`,
      2,
    )
    expect(statuses(answer)).toEqual([200, 401])
    expect(upstream.seen.map(({ url }) => url)).toEqual(['/in'])
  })
})

describe('with a login, only the intended request reaches the upstream', () => {
  test.each([
    [
      'a body that looks like a request',
      `POST /in HTTP/1.1\r\nHost: x\r\n${LOGIN}Content-Length: 18\r\n\r\nGET /evil HTTP/1.1`,
      [200],
    ],
    [
      'CL.TE',
      `POST /in HTTP/1.1\r\nHost: x\r\n${LOGIN}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n`,
      [400],
    ],
    [
      'another transfer coding',
      `POST /in HTTP/1.1\r\nHost: x\r\n${LOGIN}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
      [501],
    ],
    ['two Host headers', `GET /in HTTP/1.1\r\nHost: x\r\nHost: y\r\n${LOGIN}\r\n`, [400]],
    [
      'a target with user information',
      `GET http://x@evil.example/ HTTP/1.1\r\nHost: x\r\n${LOGIN}\r\n`,
      [400],
    ],
    ['OPTIONS *', `OPTIONS * HTTP/1.1\r\nHost: x\r\n${LOGIN}\r\n`, [400]],
    ['CONNECT', `CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n${LOGIN}\r\n`, [405]],
  ])('%s', async (_, text, expected) => {
    const { gate, upstream } = await start()
    expect(statuses(await send(gate, text))).toEqual(expected)
    expect(upstream.seen.filter(({ url }) => url !== '/in')).toEqual([])
    await stillServes(gate)
  })
})

describe('slow and oversized requests', () => {
  test('a head that is too long is rejected', async () => {
    const { gate, upstream } = await start()
    const answer = await send(
      gate,
      `GET / HTTP/1.1\r\nHost: x\r\n${`X: ${'a'.repeat(8000)}\r\n`.repeat(8)}\r\n`,
    )
    expect(statuses(answer)).toEqual([431])
    expect(upstream.heads()).toBe(0)
  })

  test('a head that never ends is rejected', async () => {
    const { gate } = await start()
    const { socket, closed, text } = raw(gate.port, 'GET / HTTP/1.1\r\nHost: x\r\n')
    const timer = setInterval(() => socket.write(`X: ${'a'.repeat(1000)}\r\n`), 1)
    onTestFinished(() => clearInterval(timer))
    await closed
    expect(statuses(text())).toEqual([431])
  })

  test('500 trickling clients delay no other, and are eventually disconnected', async () => {
    const { gate } = await start()
    let open = 0
    let timedOut = 0
    const sockets = Array.from({ length: 500 }, () => {
      const socket = connect(gate.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\nX'))
      socket
        .on('connect', () => open++)
        .on('close', () => open--)
        .on('error', () => {})
      socket.on('data', (part) => (timedOut += statuses(part.toString()).includes(408) ? 1 : 0))
      return socket
    })
    const timer = setInterval(() => sockets.forEach((socket) => void socket.write('x')), 1000)
    onTestFinished(() => {
      clearInterval(timer)
      for (const socket of sockets) socket.destroy()
    })
    await until(() => open === 500)
    await stillServes(gate)
    await until(
      () => timedOut === 500,
      () => timedOut,
      50_000,
    )
  })

  test('a body without a login is not forwarded, and the response arrives', async () => {
    const { gate, upstream } = await start()
    const { socket, text } = raw(gate.port, 'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n')
    for (let i = 0; i < 20; i++) socket.write('a'.repeat(100_000))
    await until(() => text().includes('MLFLOW_TRACKING_USERNAME'), text)
    expect(statuses(text())).toEqual([401])
    expect(text()).toMatch(/connection: close/i)
    expect(upstream.heads()).toBe(0)
  })

  test('100 uploads that are cut off in the middle of a body do no harm', async () => {
    const upstream = await startUpstream((request, response) => {
      if (request.method === 'GET') response.end()
    })
    const gate = await startGate({ upstream: upstream.url })
    const clients = Array.from({ length: 100 }, () =>
      raw(gate.port, `PUT / HTTP/1.1\r\nHost: x\r\n${LOGIN}Content-Length: 1000000\r\n\r\npart`),
    )
    await until(() => upstream.heads() === 100)
    for (const { socket } of clients) socket.resetAndDestroy()
    await until(() => gate.log().filter(({ status }) => status === 499).length === 100)
    await stillServes(gate)
  })
})

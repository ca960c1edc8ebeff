import { describe, expect, test } from 'vitest'
import { raw, startUpstream, statuses, until, valuesOf } from '../support/gate.js'
import { openGate } from '../support/gate-in-process.js'
import { startRawUpstream } from '../support/raw-upstream.js'
import { basic } from '../support/requests.js'
import { TableProvider } from '../support/table-provider.js'

// Assertions of nginx's own test suite that hold for any proxy (nginx-tests: proxy_request_buffering*, proxy_upgrade,
// proxy_websocket, proxy_early_hints, http_expect_100_continue, trailers, realip).

const HEAD = `Host: x\r\nAuthorization: ${basic('ann', 'secret')}\r\n`
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A gate with one user, which trusts X-Forwarded-For from 127.0.0.0/8. */
const startBefore = (upstream: { url: string }) =>
  openGate({
    providers: [new TableProvider(new Map([['ann', { password: 'secret' }]]))],
    upstream: upstream.url,
  })

const byLength = (body: string) => `Content-Length: ${body.length}\r\n\r\n${body}`
const inChunks = (body: string) =>
  `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

/** Bodies smaller and larger than one read from a socket, in both orders. */
const BODIES = [
  ['ab', 'c'.repeat(1500), 'd'.repeat(200_000), 'e'],
  ['d'.repeat(200_000), 'c'.repeat(1500), 'ab', 'e'],
]

describe('bodies of pipelined requests', () => {
  describe.each([
    ['with a length', byLength],
    ['in chunks', inChunks],
  ])('%s', (_, frame) => {
    test.each(BODIES)('reach the upstream complete and in order', async (...bodies) => {
      const upstream = await startUpstream()
      const gate = await startBefore(upstream)
      // Even with GET, which rarely has a body.
      const { text } = raw(
        gate.port,
        bodies.map((body) => `GET / HTTP/1.1\r\n${HEAD}${frame(body)}`).join(''),
      )
      await until(() => statuses(text()).length === bodies.length, text)
      expect(statuses(text())).toEqual([200, 200, 200, 200])
      expect(upstream.seen.map(({ body }) => body)).toEqual(bodies)
    })
  })

  test('are dropped if the gate itself responds, and the next request is served', async () => {
    const upstream = await startUpstream()
    const gate = await startBefore(upstream)
    const { text } = raw(
      gate.port,
      ['ab', 'c'.repeat(1500), 'GET / HTTP/1.1\r\n\r\n']
        .map((body) => `POST / HTTP/1.1\r\nHost: x\r\n${byLength(body)}`)
        .concat(`GET /last HTTP/1.1\r\n${HEAD}\r\n`)
        .join(''),
    )
    await until(() => statuses(text()).length === 4, text)
    expect(statuses(text())).toEqual([401, 401, 401, 200])
    expect(upstream.seen.map(({ url }) => url)).toEqual(['/last'])
  })
})

test('each part of a body is forwarded as it arrives', async () => {
  const upstream = await startRawUpstream((socket, _, all) => {
    if (all.endsWith('helloworld')) socket.write(OK)
  })
  const gate = await startBefore(upstream)
  const { socket, text } = raw(gate.port, `PUT / HTTP/1.1\r\n${HEAD}Content-Length: 10\r\n\r\nhel`)
  await until(() => upstream.text().endsWith('\r\n\r\nhel'), upstream.text)
  socket.write('lo')
  await until(() => upstream.text().endsWith('\r\n\r\nhello'), upstream.text)
  socket.write('world')
  await until(() => text().endsWith('ok'), text)
})

describe('upgrades', () => {
  const SWITCH = 'HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello'

  test.each([
    ['HTTP/1.1', 'Connection: Upgrade\r\n'],
    ['HTTP/1.1', 'Upgrade: websocket\r\n'],
    ['HTTP/1.1', 'Connection: Upgrade\r\nUpgrade: foo\r\n'],
    ['HTTP/1.0', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'],
  ])('an unrequested 101 is a 502: %s %j', async (version, lines) => {
    const upstream = await startRawUpstream((socket) => socket.write(SWITCH))
    const gate = await startBefore(upstream)
    const { text } = raw(gate.port, `GET / ${version}\r\n${HEAD}${lines}\r\nsecret`)
    await until(() => statuses(text()).length > 0, text)
    expect(statuses(text())).toEqual([502])
    expect(text()).not.toContain('hello')
    expect(upstream.text()).not.toMatch(/Upgrade|secret/)
  })

  test('carry a megabyte each way, small frames between large ones', async () => {
    const upstream = await startUpstream()
    upstream.server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
      socket.on('end', () => socket.end()).on('error', () => {})
      socket.pipe(socket)
    })
    const gate = await startBefore(upstream)
    const { socket, text } = raw(
      gate.port,
      `GET / HTTP/1.1\r\n${HEAD}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst`,
    )
    let sent = 'first'
    for (let i = 0; i < 10; i++) {
      for (const part of [`${i}`.repeat(100_000), `small${i}`]) {
        socket.write(part)
        sent += part
      }
    }
    await until(
      () => text().endsWith(sent),
      () => text().length,
    )
    socket.end()
    await until(
      () => gate.log().some(({ status, bytes }) => status === 101 && bytes === sent.length),
      () => JSON.stringify(gate.log()),
    )
  })
})

describe('interim responses', () => {
  test('a 103 without a reason phrase is forwarded', async () => {
    const upstream = await startRawUpstream((socket) =>
      socket.end('HTTP/1.1 103 \r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall'),
    )
    const gate = await startBefore(upstream)
    const { text } = raw(gate.port, `GET / HTTP/1.1\r\n${HEAD}\r\n`)
    await until(() => text().endsWith('0\r\n\r\n'), text)
    expect(text()).toMatch(/^HTTP\/1\.1 103 .*\r\nLink: <\/a\.css>\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
    expect(text()).toContain('3\r\nall\r\n')
  })

  test.each([
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-'],
  ])('103 followed by %s is a 502', async (_, rest) => {
    const upstream = await startRawUpstream((socket) =>
      socket.end(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${rest}`),
    )
    const gate = await startBefore(upstream)
    const { text } = raw(gate.port, `GET / HTTP/1.1\r\n${HEAD}\r\n`)
    await until(() => statuses(text()).length === 2, text)
    expect(statuses(text())).toEqual([103, 502])
  })
})

describe('Expect', () => {
  test.each([
    ['HTTP/1.1', '100-Continue', [100, 200]],
    ['HTTP/1.1', '100-continue\r\nExpect: 100-continue', [417]],
    ['HTTP/1.1', 'tea', [417]],
    ['HTTP/1.1', '100-continue, tea', [417]],
    ['HTTP/1.1', '100-continue\r\nExpect: tea', [417]],
    ['HTTP/1.1', 'token=param', [417]],
    ['HTTP/1.0', '100-continue', [200]],
  ])('in %s, %j gets %j', async (version, value, expected) => {
    const upstream = await startUpstream()
    const gate = await startBefore(upstream)
    const { socket, text } = raw(
      gate.port,
      `PUT / ${version}\r\n${HEAD}Expect: ${value}\r\nContent-Length: 5\r\n\r\n`,
    )
    if (expected[0] === 100) await until(() => text().includes(' 100 '), text)
    socket.write('hello')
    await until(() => statuses(text()).length === expected.length, text)
    expect(statuses(text())).toEqual(expected)
  })
})

describe('trailers', () => {
  const CHUNKS =
    'HTTP/1.1 200 OK\r\nTrailer: X-A, X-B\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-A: 1\r\nX-B: 2\r\nX-A: 3\r\n\r\n'

  test('follow the body, in order', async () => {
    const upstream = await startRawUpstream((socket) => socket.write(CHUNKS))
    const gate = await startBefore(upstream)
    const { text } = raw(gate.port, `GET / HTTP/1.1\r\n${HEAD}TE: trailers\r\n\r\n`)
    await until(() => text().endsWith('2\r\nok\r\n0\r\nX-A: 1\r\nX-B: 2\r\nX-A: 3\r\n\r\n'), text)
    expect(text()).toContain('\r\nTrailer: X-A, X-B\r\n')
  })

  test('are not sent to HTTP/1.0 clients', async () => {
    const upstream = await startRawUpstream((socket) => socket.write(CHUNKS))
    const gate = await startBefore(upstream)
    const { text, closed } = raw(gate.port, `GET / HTTP/1.0\r\n${HEAD}\r\n`)
    await closed
    expect(text()).toMatch(/\r\n\r\nok$/)
  })
})

describe('the client address', () => {
  test.each([
    [['127.0.0.9, 192.0.2.1'], '192.0.2.1'],
    [['192.0.2.9, 192.0.2.1, 127.0.1.1, 127.0.0.1'], '192.0.2.1'],
    [['192.0.2.1', '127.0.0.1, 127.0.1.1'], '192.0.2.1'],
    [['192.0.2.9', '192.0.2.1', '127.0.0.1, 127.0.1.1'], '192.0.2.1'],
  ])('from X-Forwarded-For %j is %s', async (lines, address) => {
    const upstream = await startUpstream()
    const gate = await startBefore(upstream)
    const { text } = raw(
      gate.port,
      `GET / HTTP/1.1\r\n${HEAD}${lines.map((line) => `X-Forwarded-For: ${line}\r\n`).join('')}\r\n`,
    )
    await until(() => statuses(text()).length === 1, text)
    expect(valuesOf(upstream.seen[0], 'x-real-ip')).toEqual([address])
    expect(valuesOf(upstream.seen[0], 'x-forwarded-for')).toEqual([`${lines.join(', ')}, 127.0.0.1`])
  })
})

test('a request cut off in its head is not forwarded', async () => {
  const upstream = await startUpstream()
  const gate = await startBefore(upstream)
  const { socket, closed } = raw(gate.port, `GET / HTTP/1.1\r\n${HEAD}`)
  socket.end()
  await closed
  expect(upstream.heads()).toBe(0)
})

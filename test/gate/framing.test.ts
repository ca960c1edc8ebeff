import { expect, test } from 'vitest'
import { ALICE, raw, startGate, statuses } from '../support/gate.js'
import { startRawUpstream } from '../support/raw-upstream.js'

// Where responses of the upstream end, and that a connection is not reused if more arrives than the head announced. Taken from
// nginx's own test suite (nginx-tests: proxy_duplicate_headers, proxy_extra_data, proxy_keepalive, proxy_unfinished).

const OK = 'HTTP/1.1 200 OK\r\n'
const EMPTY_CHUNKS = '0\r\n\r\n'

/** Requests `/` from an upstream that answers `response` and then, with `ends`, closes; then `/next`. */
async function exchange(method: string, response: string, ends: boolean) {
  const upstream = await startRawUpstream((socket, part) => {
    const isNext = part.startsWith('GET /next ')
    socket.write(isNext ? `${OK}Content-Length: 4\r\n\r\nnext` : response)
    if (ends && !isNext) socket.end()
  })
  const gate = await startGate({ upstream: upstream.url })
  const ask = async (method: string, path: string) => {
    const client = raw(
      gate.port,
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ${ALICE}\r\n\r\n`,
    )
    await client.closed
    const [head, ...body] = client.text().split('\r\n\r\n')
    return { status: statuses(head as string), head: head as string, body: body.join('\r\n\r\n') }
  }
  const first = await ask(method, '/')
  const next = await ask('GET', '/next')
  expect([next.status, next.body]).toEqual([[200], 'next'])
  return { ...first, connections: upstream.connections() }
}

test.each([
  ['a length that is not a number', 'Content-Length: foo\r\n\r\n'],
  ['two lengths', 'Content-Length: 0\r\nContent-Length: 0\r\n\r\n'],
  ['an unknown transfer coding', 'Transfer-Encoding: foo\r\n\r\n'],
  ['chunked twice', `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${EMPTY_CHUNKS}`],
  ['a length and chunks', `Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n${EMPTY_CHUNKS}`],
  ['chunks and a length', `Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n${EMPTY_CHUNKS}`],
])('%s is a 502, to HEAD as well', async (_, rest) => {
  for (const method of ['GET', 'HEAD']) {
    const { status, connections } = await exchange(method, OK + rest, false)
    expect([status, connections]).toEqual([[502], 2])
  }
})

test.each([
  ['more than its length', 'Content-Length: 8\r\n\r\nSEE-THIS-BUT-NOT-THIS\n', 'SEE-THIS'],
  ['a body after a length of 0', 'Content-Length: 0\r\n\r\nNOT-THIS\n', ''],
  [
    'data after the last chunk',
    'Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nNOT',
    '2\r\nok\r\n0\r\n\r\n',
  ],
])('%s is cut off, and the connection closed', async (_, rest, body) => {
  const got = await exchange('GET', OK + rest, false)
  expect([got.status, got.body, got.connections]).toEqual([[200], body, 2])
})

test.each([
  ['its length', 'Content-Length: 100\r\n\r\nSEE-THIS', 'SEE-THIS'],
  ['its length, and nothing at all', 'Content-Length: 100\r\n\r\n', ''],
  ['its last chunk', 'Transfer-Encoding: chunked\r\n\r\nff\r\nunfinished', 'a\r\nunfinished\r\n'],
])('less than %s never looks complete', async (_, rest, body) => {
  const got = await exchange('GET', OK + rest, true)
  expect([got.status, got.body]).toEqual([[200], body])
})

test.each([
  ['HEAD', `${OK}Content-Length: 26\r\n\r\n`],
  ['HEAD', `${OK}Transfer-Encoding: chunked\r\n\r\n`],
  ['GET', 'HTTP/1.1 304 Not Modified\r\n\r\n'],
  ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n'],
  ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
])('after %s and %j the connection is reused', async (method, response) => {
  const { body, connections } = await exchange(method, response, false)
  expect([body, connections]).toEqual(['', 1])
})

test('an unsolicited Upgrade in a 200 is removed', async () => {
  const { status, head } = await exchange(
    'GET',
    `${OK}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    true,
  )
  expect(status).toEqual([200])
  expect(head).not.toMatch(/Upgrade/i)
})

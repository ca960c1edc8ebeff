import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  ALICE,
  asAlice,
  memoryOf,
  raw,
  request,
  startGate,
  startGateProcess,
  startUpstream,
  statuses,
  until,
  valuesOf,
} from '../support/gate.js'
import { startRawUpstream } from '../support/raw-upstream.js'
import { settled } from '../support/until.js'

// HTTP/1.1 through the gate, on bare connections at both ends.

const HEAD = `Host: x\r\nAuthorization: ${ALICE}\r\n`
const GET = `GET / HTTP/1.1\r\n${HEAD}\r\n`
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** The gate before an upstream that answers each request with `response`. */
async function startBefore(response: string | readonly string[], args: string[] = []) {
  let requests = 0
  const upstream = await startRawUpstream((socket, part) => {
    if (!/^[A-Z]+ \//.test(part)) return
    const text = typeof response === 'string' ? response : (response[requests++] ?? response.at(-1))
    socket.write(text as string, 'latin1')
  })
  return { upstream, gate: await startGate({ upstream: upstream.url, args }) }
}

/** Sends `text` on a bare connection, and resolves to what arrives until it is closed. */
async function exchange(port: number, text: string): Promise<string> {
  const client = raw(port, text)
  await client.closed
  return client.text()
}

describe('Expect: 100-continue, end to end', () => {
  const PUT = `PUT / HTTP/1.1\r\n${HEAD}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`

  test('the upstream requests the body, not the gate', async () => {
    let ask = () => {}
    const upstream = await startRawUpstream((socket, _, all) => {
      if (all.endsWith('\r\n\r\n')) ask = () => socket.write('HTTP/1.1 100 Continue\r\n\r\n')
      if (all.endsWith('hello')) socket.write(OK)
    })
    const gate = await startGate({ upstream: upstream.url })
    const { socket, text } = raw(gate.port, PUT)
    await until(() => upstream.text().endsWith('\r\n\r\n'), upstream.text)
    expect(upstream.text()).toMatch(/\r\nExpect: 100-continue\r\n/)
    // Another client's turn, from beginning to end.
    expect((await request(gate.url)).status).toBe(401)
    expect(text()).toBe('')
    ask()
    await until(() => text() === 'HTTP/1.1 100 Continue\r\n\r\n', text)
    socket.write('hello')
    await until(() => text().endsWith('ok'), text)
  })

  test('the upstream rejects before the body: the client is not asked for it, and the connection is not reused', async () => {
    const { gate, upstream } = await startBefore('HTTP/1.1 413 Too Big\r\nContent-Length: 3\r\n\r\nbig')
    const text = await exchange(gate.port, PUT)
    expect(text).toMatch(/^HTTP\/1\.1 413 Too Big\r\n(?:.*\r\n)*Connection: close\r\n\r\nbig$/)
    expect((await asAlice(gate.url)).status).toBe(413)
    expect(upstream.connections()).toBe(2)
  })

  test('is ignored in HTTP/1.0', async () => {
    const { gate, upstream } = await startBefore(OK)
    const text = await exchange(
      gate.port,
      `PUT / HTTP/1.0\r\n${HEAD}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`,
    )
    expect(statuses(text)).toEqual([200])
    expect(upstream.text()).not.toMatch(/Expect/i)
  })
})

describe('interim responses', () => {
  test('an unsolicited 100 and a 103 are forwarded', async () => {
    const { gate } = await startBefore(
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n${OK}`,
    )
    const { text } = raw(gate.port, GET)
    await until(() => text().endsWith('ok'), text)
    expect(statuses(text())).toEqual([100, 103, 200])
    expect(text()).toContain('103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n')
  })

  test('are not sent to HTTP/1.0 clients', async () => {
    const { gate } = await startBefore(`HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${OK}`)
    expect(statuses(await exchange(gate.port, `GET / HTTP/1.0\r\n${HEAD}\r\n`))).toEqual([200])
  })

  test('without end cause a 502 with the reason, and no memory growth', async () => {
    const hint = `HTTP/1.1 103 Early Hints\r\nLink: ${'a'.repeat(50_000)}\r\n\r\n`
    let sent = 0
    const upstream = await startRawUpstream((socket) => {
      const write = () => {
        while (sent < 10_000 && socket.write(hint)) sent++
      }
      socket.on('drain', write)
      write()
    })
    const gate = await startGateProcess({ upstream: upstream.url })
    const before = memoryOf(gate)
    const { socket, text } = raw(gate.port, GET)
    socket.pause()
    await settled(() => sent)
    expect(memoryOf(gate) - before).toBeLessThan(50_000_000)
    socket.resume()
    await until(
      () => statuses(text()).includes(502),
      () => text().length,
    )
    expect(text()).toMatch(/valid HTTP/)
    await until(
      () => gate.log().some(({ message }) => /interim responses/.test(String(message))),
      gate.output,
    )
  })
})

describe('an invalid response: a 502, and the reason in the log', () => {
  test.each([
    ['a transfer coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx', /Transfer-Encoding/],
    [
      'two transfer codings',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      /Transfer-Encoding/,
    ],
    [
      'chunked twice',
      `HTTP/1.1 200 OK\r\n${'Transfer-Encoding: chunked\r\n'.repeat(2)}\r\n0\r\n\r\n`,
      /once/,
    ],
    ['both lengths', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\nx', /both/],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx', /more than one/],
    ['lines that end with LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok', /LF instead of CRLF/],
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n', /status line/],
    ['an unasked-for protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n', /switched/],
    ['a control character', 'HTTP/1.1 200 \x01\r\n\r\n', /control character/],
    ['a head that is too long', `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(70_000)}`, /longer/],
  ])('%s', async (_, response, words) => {
    const { gate } = await startBefore(response)
    const { status, body } = await asAlice(gate.url)
    expect(status).toBe(502)
    expect(JSON.parse(body).message).toMatch(/not valid HTTP\/1\.1/)
    await until(
      () => gate.log().some(({ level, message }) => level === 'error' && words.test(String(message))),
      gate.output,
    )
  })

  test.each([
    ['bytes over 127', 'HTTP/1.1 404 Nicht \xe4\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 404 Nicht \xe4\r\n'],
    ['nothing', 'HTTP/1.1 502 \r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 502 \r\n'],
    ['not even a space', 'HTTP/1.1 502\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 502 \r\n'],
  ])('any reason phrase is accepted: %s', async (_, response, line) => {
    const { gate } = await startBefore([OK, response])
    const { text } = raw(gate.port, GET + GET)
    await until(() => statuses(text()).length === 2, text)
    expect(text()).toContain(line)
  })

  test('one that ends before its length is forwarded as far as it was received, then aborted', async () => {
    const upstream = await startRawUpstream(
      (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'),
    )
    const gate = await startGate({ upstream: upstream.url })
    expect(await exchange(gate.port, GET)).toMatch(/Content-Length: 9\r\n\r\nhalf$/)
  })

  test('a malformed chunk aborts it', async () => {
    const upstream = await startRawUpstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
      setTimeout(() => socket.write('zz\r\n'), 50)
    })
    const gate = await startGate({ upstream: upstream.url })
    expect(await exchange(gate.port, GET)).toMatch(/\r\n\r\n4\r\nhalf\r\n$/)
  })
})

describe('responses', () => {
  test('426 keeps its Upgrade', async () => {
    const { gate } = await startBefore(
      'HTTP/1.1 426 Upgrade Required\r\nUpgrade: HTTP/3.0\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n',
    )
    const { headers } = await asAlice(gate.url)
    expect(headers).toMatchObject({ upgrade: 'HTTP/3.0', connection: expect.stringMatching(/^Upgrade/) })
  })

  test('a body that ends with the connection is chunked for the client, and closes it in HTTP/1.0', async () => {
    const upstream = await startRawUpstream((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nbody'))
    const gate = await startGate({ upstream: upstream.url })
    const { text } = raw(gate.port, GET)
    await until(() => text().endsWith('\r\n0\r\n\r\n'), text)
    expect(text()).toMatch(/Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n$/)
    expect(await exchange(gate.port, `GET / HTTP/1.0\r\n${HEAD}\r\n`)).toMatch(
      /Connection: close\r\n\r\nbody$/,
    )
  })

  test('connections to the upstream are reused after HEAD and 304', async () => {
    const { gate, upstream } = await startBefore([
      'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n',
      OK,
    ])
    const { text } = raw(gate.port, `HEAD / HTTP/1.1\r\n${HEAD}\r\n${GET}${GET}`)
    await until(() => text().endsWith('ok'), text)
    expect(statuses(text())).toEqual([200, 304, 200])
    expect(upstream.connections()).toBe(1)
  })

  test('HEAD keeps Content-Length or chunked, without a body', async () => {
    const { gate } = await startBefore('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
    const { headers, body } = await asAlice(gate.url, { method: 'HEAD' })
    expect([headers['content-length'], body]).toEqual(['1000', ''])
  })

  test('a missing Date is added', async () => {
    const { gate } = await startBefore([OK, 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\n\r\n'])
    expect((await asAlice(gate.url)).headers.date).toMatch(/ GMT$/)
    expect((await asAlice(gate.url)).headers.date).toBe('then')
  })

  test('bytes after a response never reach another request', async () => {
    const { gate } = await startBefore(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong`)
    for (let i = 0; i < 3; i++) expect((await asAlice(gate.url)).body).toBe('ok')
  })
})

describe('requests', () => {
  test('the head is forwarded at once, and each chunk when it is complete', async () => {
    const upstream = await startRawUpstream((socket, _, all) => {
      if (all.endsWith('\r\n0\r\n\r\n')) socket.write(OK)
    })
    const gate = await startGate({ upstream: upstream.url })
    const { socket, text } = raw(gate.port, `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n`)
    await until(() => upstream.text().endsWith('Transfer-Encoding: chunked\r\n\r\n'), upstream.text)
    for (const chunk of ['5\r\nhello\r\n', '6\r\n world\r\n']) {
      socket.write(chunk.replace('\r\n', ';name="value"\r\n'))
      await until(() => upstream.text().endsWith(chunk), upstream.text)
    }
    socket.write('0\r\n\r\n')
    await until(() => text().endsWith('ok'), text)
  })

  test('trailers are forwarded, except those that identify the user', async () => {
    const upstream = await startRawUpstream((socket, _, all) => {
      if (/\r\n0\r\n(?:.+\r\n)*\r\n$/.test(all)) socket.write(OK)
    })
    const gate = await startGate({ upstream: upstream.url })
    const { text } = raw(
      gate.port,
      `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n` +
        'X-Sum: 42\r\nX-Forwarded-User: eve\r\nX_Forwarded_User: eve\r\nAuthorization: x\r\nHost: y\r\n\r\n',
    )
    await until(() => text().endsWith('ok'), text)
    expect(upstream.text()).toMatch(/\r\n1\r\nx\r\n0\r\nX-Sum: 42\r\n\r\n$/)
  })

  test('an early response arrives during the upload, and the upload continues', async () => {
    let received = 0
    const upstream = await startRawUpstream((socket, part) => {
      if (/^[A-Z]+ \//.test(part)) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly')
      received += part.length
    })
    const gate = await startGate({ upstream: upstream.url })
    const { socket, text } = raw(gate.port, `PUT / HTTP/1.1\r\n${HEAD}Content-Length: 1000000\r\n\r\n`)
    await until(() => text().endsWith('early'), text)
    const before = received
    socket.write(Buffer.alloc(1_000_000))
    await until(
      () => received - before === 1_000_000,
      () => received,
    )
    socket.write(GET)
    await until(() => statuses(text()).length === 2, text)
  })

  test('an upload can be rejected midway', async () => {
    const upstream = await startRawUpstream((socket) => {
      socket.end('HTTP/1.1 413 Too Big\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig')
      socket.destroySoon()
    })
    const gate = await startGate({ upstream: upstream.url })
    for (let i = 0; i < 20; i++) {
      const { socket, text } = raw(gate.port, `PUT / HTTP/1.1\r\n${HEAD}Content-Length: 100000000\r\n\r\n`)
      for (let j = 0; j < 100; j++) socket.write(Buffer.alloc(100_000))
      await until(() => statuses(text()).length === 1, text)
      expect(text()).toMatch(/^HTTP\/1\.1 413 Too Big\r\n/)
      socket.destroy()
    }
  })

  test('a half-closed client gets its response', async () => {
    const upstream = await startUpstream((_, response) => void setTimeout(() => response.end('late'), 200))
    const gate = await startGate({ upstream: upstream.url })
    const socket = connect({ port: gate.port, host: '127.0.0.1', allowHalfOpen: true })
    onTestFinished(() => void socket.destroy())
    let text = ''
    socket.on('data', (part) => (text += part))
    socket.end(GET)
    await once(socket, 'end')
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(text).toContain('late')
  })

  test('a client that disconnects is noticed, however slow the upstream is', async () => {
    let open = 0
    const upstream = await startUpstream((_, response) => {
      open++
      response.on('close', () => open--)
    })
    const gate = await startGate({ upstream: upstream.url })
    const { socket } = raw(gate.port, GET + GET)
    await until(() => open === 1)
    socket.destroy()
    await until(() => open === 0)
    await until(() => gate.log().filter(({ status }) => status === 499).length === 1, gate.output)
  })

  test('a query of 60 kB passes', async () => {
    const { gate, upstream } = await startBefore(OK)
    const { text } = raw(gate.port, `GET /?q=${'q'.repeat(61_000)} HTTP/1.1\r\n${HEAD}\r\n`)
    await until(() => text().endsWith('ok'), text)
    expect(upstream.text()).toContain(`GET /?q=${'q'.repeat(61_000)} HTTP/1.1\r\n`)
  })

  test.each(['GET', 'HEAD', 'OPTIONS', 'DELETE'])(
    '%s is retried if its connection was closed',
    async (method) => {
      const upstream = await startRawUpstream((socket, part, all, nth) => {
        if (nth === 1 && all.length > part.length) socket.resetAndDestroy()
        else socket.write(method === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n' : OK)
      })
      const gate = await startGate({ upstream: upstream.url })
      for (let i = 0; i < 2; i++) expect((await asAlice(gate.url, { method })).status).toBe(200)
      expect(upstream.connections()).toBe(2)
    },
  )

  test('a request is retried only once', async () => {
    let requests = 0
    const upstream = await startRawUpstream((socket) => {
      if (++requests === 1) socket.write(OK)
      else socket.resetAndDestroy()
    })
    const gate = await startGate({ upstream: upstream.url })
    expect((await asAlice(gate.url)).status).toBe(200)
    expect((await asAlice(gate.url)).status).toBe(502)
    expect(requests).toBe(3)
  })
})

describe('an invalid request gets an error with the reason, and is counted, logged and closed', () => {
  test.each([
    ['an invalid field name', '400', `GET / HTTP/1.1\r\n${HEAD}Bad Name: x\r\n\r\n`, /field line/],
    [
      'chunks in HTTP/1.0',
      '400',
      `POST / HTTP/1.0\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      /HTTP\/1\.0/,
    ],
    ['TRACE', '405', `TRACE / HTTP/1.1\r\n${HEAD}\r\n`, /TRACE/],
    [
      'too large a length',
      '413',
      `POST / HTTP/1.1\r\n${HEAD}Content-Length: 99999999999999999999\r\n\r\n`,
      /longer/,
    ],
    ['too long a target', '414', `GET /${'a'.repeat(65_000)} HTTP/1.1\r\n${HEAD}\r\n`, /target/],
    ['too long a head', '431', `GET / HTTP/1.1\r\n${HEAD}A: ${'a'.repeat(65_000)}\r\n\r\n`, /head/],
    ['an unknown method', '501', `FOO / HTTP/1.1\r\n${HEAD}\r\n`, /method/],
    ['HTTP/2.0', '505', `GET / HTTP/2.0\r\n${HEAD}\r\n`, /HTTP\/1\.1/],
  ])('%s: %s', async (_, status, request, words) => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url })
    const text = await exchange(gate.port, request)
    expect(statuses(text)).toEqual([Number(status)])
    expect(text).toMatch(/Connection: close\r\n/)
    const { error_code, message } = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4))
    expect(error_code).toMatch(/^[A-Z_]+$/)
    expect(message).toMatch(words)
    await until(() => gate.log().some((line) => String(line.status) === status), gate.output)
    expect(upstream.heads()).toBe(0)
  })

  test('but never inside a response in progress', async () => {
    let end = () => {}
    const upstream = await startUpstream((_, response) => {
      response.write('begun')
      end = () => response.end('ended')
    })
    const gate = await startGate({ upstream: upstream.url })
    const { socket, text, closed } = raw(gate.port, GET)
    await until(() => text().includes('begun'), text)
    socket.write('\x16\x03\x01 this is not a request\r\n\r\n')
    expect((await request(gate.url)).status).toBe(401)
    end()
    await closed
    expect(text()).toMatch(/5\r\nbegun\r\n5\r\nended\r\n0\r\n\r\nHTTP\/1\.1 400 /)
  })

  test('a malformed body: 400 instead of the response, and incomplete for the upstream', async () => {
    let complete: boolean | undefined
    const upstream = await startUpstream((request) => {
      request.resume().on('error', () => {})
      request.on('close', () => {
        complete = request.complete
      })
    })
    const gate = await startGate({ upstream: upstream.url })
    const { socket, text, closed } = raw(
      gate.port,
      `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
    )
    await until(() => upstream.heads() === 1)
    socket.write('zz\r\n')
    await closed
    expect(statuses(text())).toEqual([400])
    await until(() => complete === false)
  })
})

// Assertions of nginx's own test suite (nginx-tests: body_chunked, http_keepalive, http_method, proxy_*).
describe('what any proxy should do', () => {
  test('a missing upload after an early response swallows no later request', async () => {
    const { gate, upstream } = await startBefore(OK)
    const first = raw(gate.port, `GET /1 HTTP/1.0\r\n${HEAD}Content-Length: 10\r\n\r\n`)
    await until(() => first.text().endsWith('ok'), first.text)
    expect((await asAlice(`${gate.url}/2`)).body).toBe('ok')
    first.socket.destroy()
    expect((await asAlice(`${gate.url}/3`)).body).toBe('ok')
    expect(upstream.text().match(/GET \/\d/g)).toEqual(['GET /1', 'GET /2', 'GET /3'])
  })

  test.each([
    ['a length', 'Content-Length: 32\r\n\r\nTEST-OK-IF-YOU-SEE-THIS\n', 'AND-THIS'],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n9\r\nSEE-THIS\n\r\n0\r\n', '\r\n'],
  ])(
    'a response ends where its head says, although the upstream does not close: %s',
    async (_, part, rest) => {
      const upstream = await startRawUpstream((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n${part}`)
        setTimeout(() => socket.write(rest), 100)
      })
      const gate = await startGate({ upstream: upstream.url })
      expect((await asAlice(gate.url)).body).toMatch(/SEE-THIS/)
    },
  )

  test.each(['TRACE', 'CONNECT'])('nothing is served after %s', async (method) => {
    const { gate, upstream } = await startBefore(OK)
    const text = await exchange(gate.port, `${method} / HTTP/1.1\r\n${HEAD}\r\n${GET}`)
    expect(statuses(text)).toEqual([405])
    expect(upstream.text()).toBe('')
  })

  test('a chunk longer than its size is rejected', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url })
    const text = await exchange(
      gate.port,
      `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\nSEE-THIS\r\n0\r\n\r\n`,
    )
    expect(statuses(text)).toEqual([400])
    expect(upstream.seen).toEqual([])
  })

  test.each([
    ['close', true],
    ['\tclose', true],
    ['x-foo,\tClose', true],
    ['x-close', false],
    ['close-x, keep-alive', false],
  ])('Connection: %j ends the connection: %s', async (value, closes) => {
    const { gate } = await startBefore(OK)
    const { text, closed } = raw(gate.port, `GET / HTTP/1.1\r\n${HEAD}Connection: ${value}\r\n\r\n${GET}`)
    if (closes) await closed
    else await until(() => statuses(text()).length === 2, text)
    expect(statuses(text())).toHaveLength(closes ? 1 : 2)
    expect(/Connection: close/.test(text())).toBe(closes)
  })

  test('a client that ends in the middle of a dropped body is disconnected', async () => {
    const gate = await startGate({ upstream: 'http://127.0.0.1:9' })
    const socket = connect({ port: gate.port, host: '127.0.0.1', allowHalfOpen: true })
    onTestFinished(() => void socket.destroy())
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n')
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 401 /)
    socket.end()
    await once(socket, 'close')
  })
})

describe('a path in --upstream is a boundary', () => {
  test.each([
    '/../admin',
    '/a/../../admin',
    '/%2e%2e/admin',
    '/.%2E/admin',
    '/..%2fadmin',
    '/%252e%252e/admin',
    '/..\\admin',
    '/..%5cadmin',
    '/..;x=y/admin',
    '/./../admin',
    '//../../admin',
  ])('%s is rejected', async (target) => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: `${upstream.url}/base/` })
    const { text } = raw(gate.port, `GET ${target} HTTP/1.1\r\n${HEAD}\r\n`)
    await until(() => statuses(text()).length === 1)
    expect(statuses(text())).toEqual([400])
    expect(upstream.heads()).toBe(0)
  })

  test.each(['/', '/a/../b', '/a..b', '/...', '/a%2fb', '/?x=/../y', '/%2e/x'])(
    '%s stays within it',
    async (target) => {
      const upstream = await startUpstream()
      const gate = await startGate({ upstream: `${upstream.url}/base/` })
      const { text } = raw(gate.port, `GET ${target} HTTP/1.1\r\n${HEAD}\r\n`)
      await until(() => statuses(text()).length === 1)
      expect(upstream.seen[0]?.url).toBe(`/base${target}`)
    },
  )
})

describe('only the gate identifies users', () => {
  const NAMES = [
    'X-Forwarded-User X-Forwarded_User X.Forwarded.User x_forwarded.user X-Forwarded-Email X-Forwarded-Groups',
    'X-Forwarded-Preferred-Username X-WEBAUTH-USER X_Webauth_User X-Auth-Request-User X-Auth-Request-Access-Token',
    'X-Original-URL X-Rewrite-URL X_Original.URL Proxy Remote-User REMOTE_USER Remote.Groups X-Remote-User',
    'X-Remote-Anything X-Authenticated-User Script-Name X-Forwarded-Client-Cert',
  ].flatMap((names) => names.split(' '))
  const ADDRESSES =
    'Forwarded X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Server Client-IP True-Client-IP'.split(' ')
  const DISGUISED =
    'X_Forwarded_Port X.Forwarded.Prefix Client_IP True.Client.IP X_Real_IP X-Forwarded_For'.split(' ')

  async function seenOf(names: readonly string[], args: string[]): Promise<string[]> {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, args })
    const lines = names.map((name) => `${name}: eve\r\n`).join('')
    const { text } = raw(gate.port, `GET / HTTP/1.1\r\n${HEAD}${lines}\r\n`)
    await until(() => statuses(text()).length === 1, text)
    expect(statuses(text())).toEqual([200])
    expect(valuesOf(upstream.seen[0], 'x-forwarded-user')).toEqual(['alice'])
    return (upstream.seen[0]?.headers ?? []).filter(([, value]) => value === 'eve').map(([name]) => name)
  }

  test('a client identifies neither the user nor its address', async () => {
    expect(await seenOf([...NAMES, ...ADDRESSES, ...DISGUISED, 'X-Other'], [])).toEqual(['x-other'])
  })

  test('a trusted proxy identifies the address, but not the user', async () => {
    const args = ['--trust-proxy', 'loopback']
    const expected = ADDRESSES.map((name) => name.toLowerCase())
    expect(await seenOf([...NAMES, ...ADDRESSES, ...DISGUISED], args)).toEqual(expected)
  })

  test('--remove-header removes further headers', async () => {
    const args = ['--remove-header', 'X-SSO-*', '--remove-header', 'X-Team']
    const names = ['X-SSO-Mail', 'x_sso_name', 'X.Team', 'X-Team', 'X-Teams', 'X-SSO']
    expect(await seenOf(names, args)).toEqual(['x-teams', 'x-sso'])
  })
})

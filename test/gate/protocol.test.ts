import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { get, request as send } from 'node:http'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  ALICE,
  asAlice,
  raw,
  request,
  startGate,
  startUpstream,
  statuses,
  until,
  valuesOf,
} from '../support/gate.js'
import { startRawUpstream } from '../support/raw-upstream.js'

const HEAD = `Host: x\r\nAuthorization: ${ALICE}\r\n`

describe('responses', () => {
  test('HEAD, 204 and 304 have no body, and the connection is kept', async () => {
    const upstream = await startRawUpstream((socket, text) => {
      if (text.startsWith('HEAD')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
      else if (text.includes('/204')) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
      else if (text.includes('/304')) {
        socket.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 1000\r\n\r\n')
      } else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast')
    })
    const gate = await startGate({ upstream: upstream.url })
    const { text } = raw(
      gate.port,
      ['HEAD /', 'GET /204', 'GET /304', 'GET /'].map((line) => `${line} HTTP/1.1\r\n${HEAD}\r\n`).join(''),
    )
    await until(() => text().endsWith('last'), text)
    expect(statuses(text())).toEqual([200, 204, 304, 200])
    expect(text().match(/Content-Length: 1000/g)).toHaveLength(2)
    expect(text()).toContain('ETag: "x"')
  })

  test('a body where none is allowed does no harm', async () => {
    const upstream = await startRawUpstream((socket, text) => {
      const status = text.includes('/204') ? '204 No Content' : '304 Not Modified'
      const isChunked = text.includes('chunked')
      const body = isChunked ? '5\r\nhello\r\n0\r\n\r\n' : 'hello'
      const framing = isChunked ? 'Transfer-Encoding: chunked' : 'Content-Length: 5'
      socket.write(`HTTP/1.1 ${status}\r\n${framing}\r\n\r\n${body}`)
    })
    const gate = await startGate({ upstream: upstream.url })
    for (const [path, status] of [
      ['204', 204],
      ['204-chunked', 204],
      ['304', 304],
      ['304-chunked', 304],
    ] as const) {
      for (let i = 0; i < 3; i++) expect((await asAlice(`${gate.url}/${path}`)).status).toBe(status)
    }
    expect((await asAlice(`${gate.url}/204`)).headers).not.toHaveProperty('content-length')
    await until(() => upstream.open() <= 1, upstream.open)
  })

  test('the Content-Length of a 304 does not block the connection', async () => {
    const upstream = await startRawUpstream((socket) =>
      socket.write('HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n'),
    )
    const gate = await startGate({ upstream: upstream.url })
    for (let i = 0; i < 20; i++) expect((await asAlice(gate.url)).status).toBe(304)
    await until(() => upstream.open() <= 1, upstream.open)
  })

  test('Content-Length and chunked are preserved', async () => {
    const upstream = await startUpstream((request, response) => {
      if (request.url === '/chunked') response.write('a')
      response.end('b')
    })
    const gate = await startGate({ upstream: upstream.url })
    expect((await asAlice(`${gate.url}/whole`)).headers['content-length']).toBe('1')
    const chunked = await asAlice(`${gate.url}/chunked`)
    expect(chunked.headers['transfer-encoding']).toBe('chunked')
    expect(chunked.body).toBe('ab')
  })

  test('trailers are forwarded', async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, { Trailer: 'X-Sum' })
      response.write('body')
      response.addTrailers({ 'X-Sum': '42' })
      response.end()
    })
    const gate = await startGate({ upstream: upstream.url })
    const { text } = raw(gate.port, `GET / HTTP/1.1\r\n${HEAD}TE: trailers\r\nConnection: close\r\n\r\n`)
    await until(() => text().includes('\r\n0\r\n'), text)
    expect(text()).toMatch(/0\r\nX-Sum: 42\r\n\r\n$/i)
  })

  test('103 Early Hints precede the response', async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' })
      response.end('ok')
    })
    const gate = await startGate({ upstream: upstream.url })
    const { text } = raw(gate.port, `GET / HTTP/1.1\r\n${HEAD}\r\n`)
    await until(() => text().endsWith('ok'), text)
    expect(statuses(text())).toEqual([103, 200])
    expect(text()).toMatch(/103 Early Hints\r\nlink: <\/style.css>; rel=preload/i)
  })

  test.each([
    ['several in one line', '</a.css>; rel=preload; as=style, </b,c.js>; rel=preload; as=script'],
    ['one that is not a link', 'foo bar'],
    ['one with a title', '<a>; title="x y"; rel=preload'],
  ])('hints pass unchanged: %s', async (_, link) => {
    const upstream = await startRawUpstream((socket) =>
      socket.write(
        `HTTP/1.1 103 Early Hints\r\nLink: ${link}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
      ),
    )
    const gate = await startGate({ upstream: upstream.url })
    const { text } = raw(gate.port, `GET / HTTP/1.1\r\n${HEAD}\r\n`)
    await until(() => text().endsWith('ok') || statuses(text()).includes(502), text)
    expect(statuses(text())).toEqual([103, 200])
    expect(text()).toContain(link)
  })

  test('server-sent events arrive one by one, after the head', async () => {
    let event = (_: string) => {}
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders()
      event = (data) => response.write(`data: ${data}\n\n`)
    })
    const gate = await startGate({ upstream: upstream.url })
    const { text, socket } = raw(gate.port, `GET / HTTP/1.1\r\n${HEAD}\r\n`)
    await until(() => text().includes('text/event-stream'), text)
    event('one')
    await until(() => text().includes('data: one'), text)
    event('two')
    await until(() => text().includes('data: two'), text)
    socket.destroy()
  })

  test('HTTP/1.0 clients get no chunks', async () => {
    const upstream = await startUpstream((_, response) => {
      response.write('a')
      response.end('b')
    })
    const gate = await startGate({ upstream: upstream.url })
    const { text, closed } = raw(gate.port, `GET / HTTP/1.0\r\n${HEAD}\r\n`)
    await closed
    expect(text()).toMatch(/\r\n\r\nab$/)
    expect(text()).not.toMatch(/transfer-encoding/i)
  })
})

describe('Expect: 100-continue', () => {
  const put = (url: string, authorization: string) =>
    send(url, { method: 'PUT', headers: { authorization, expect: '100-continue', 'content-length': 5 } })

  test('requests the body after a valid login', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url })
    const outgoing = put(gate.url, ALICE)
    outgoing.flushHeaders()
    await once(outgoing, 'continue')
    outgoing.end('hello')
    const [response] = await once(outgoing, 'response')
    expect(response.statusCode).toBe(200)
    expect(upstream.seen[0]?.body).toBe('hello')
    expect(valuesOf(upstream.seen[0], 'expect')).toEqual(['100-continue'])
  })

  test('does not request it otherwise', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url })
    const outgoing = put(gate.url, 'Basic eDp5')
    let asked = false
    outgoing.on('continue', () => (asked = true)).on('error', () => {})
    outgoing.flushHeaders()
    const [response] = await once(outgoing, 'response')
    expect(response.statusCode).toBe(401)
    expect(asked).toBe(false)
    expect(upstream.heads()).toBe(0)
  })

  test('other expectations are rejected', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url })
    const { status } = await asAlice(gate.url, { headers: { expect: 'tea' } })
    expect(status).toBe(417)
  })
})

describe('upgrades', () => {
  const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n'

  /** An upstream that echoes in capitals. */
  async function startShouter() {
    const upstream = await startUpstream()
    upstream.server.on('upgrade', (request, socket) => {
      if (request.url === '/no') return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-User: ',
      )
      socket.write(`${request.headers['x-forwarded-user']}\r\n\r\n`)
      socket.on('data', (part: Buffer) => socket.write(part.toString().toUpperCase()))
      socket.on('end', () => socket.end())
    })
    return upstream
  }

  test('a WebSocket passes both ways until one side ends it', async () => {
    const upstream = await startShouter()
    const gate = await startGate({ upstream: upstream.url })
    const { socket, text, closed } = raw(gate.port, `GET /ws HTTP/1.1\r\n${HEAD}${UPGRADE}\r\nfirst `)
    await until(() => text().endsWith('FIRST '), text)
    expect(text()).toMatch(/^HTTP\/1.1 101 /)
    expect(text()).toContain('X-User: alice')
    socket.write('second')
    await until(() => text().endsWith('SECOND'), text)
    socket.end()
    await closed
    await until(() => gate.log().some(({ status, bytes }) => status === 101 && bytes === 12), gate.output)
  })

  test('a WebSocket requires a login', async () => {
    const upstream = await startShouter()
    const gate = await startGate({ upstream: upstream.url })
    const { text, closed } = raw(
      gate.port,
      `GET /ws HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n`,
    )
    await closed
    expect(statuses(text())).toEqual([401])
    expect(upstream.heads()).toBe(0)
  })

  test("the upstream's refusal is passed on", async () => {
    const upstream = await startShouter()
    const gate = await startGate({ upstream: upstream.url })
    const { text, closed } = raw(gate.port, `GET /no HTTP/1.1\r\n${HEAD}${UPGRADE}\r\n`)
    await closed
    expect(text()).toMatch(/^HTTP\/1.1 403 Forbidden\r\n(.*\r\n)+\r\nno$/)
  })

  test('offers of HTTP/2, or of a WebSocket with a body, are ignored', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url })
    const { text, socket } = raw(gate.port, '')
    const say = async (head: string, rest: string) => {
      const before = statuses(text()).length
      socket.write(`${head}Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\n${rest}`)
      await until(() => statuses(text()).length > before, text)
    }
    const H2 = 'Upgrade: h2c\r\nHTTP2-Settings: AA\r\n'
    const login = `Authorization: ${ALICE}\r\n`
    await say('POST /one HTTP/1.1\r\n', `${login}${H2}Content-Length: 4\r\n\r\nbody`)
    await say('POST /two HTTP/1.1\r\n', `${login}Upgrade: websocket\r\nContent-Length: 4\r\n\r\nmore`)
    await say('GET /three HTTP/1.1\r\n', `${H2}\r\n`)
    expect(statuses(text())).toEqual([200, 200, 401])
    expect(upstream.seen.map(({ url, body }) => `${url} ${body}`)).toEqual(['/one body', '/two more'])
    expect(valuesOf(upstream.seen[0], 'http2-settings')).toEqual([])
  })
})

describe('disconnects', () => {
  test('a client that disconnects ends its request at the upstream', async () => {
    let gone = false
    const upstream = await startUpstream((_, response) => {
      response.write('start')
      response.on('close', () => (gone = true))
    })
    const gate = await startGate({ upstream: upstream.url })
    const outgoing = get(gate.url, { headers: { authorization: ALICE } })
    outgoing.on('error', () => {})
    const [response] = await once(outgoing, 'response')
    response.on('error', () => {})
    outgoing.destroy()
    await until(() => gone)
  })

  test('a client that disconnects in the middle of its body ends its request, too', async () => {
    let aborted = false
    const upstream = await startUpstream((request) => {
      request.on('data', () => {}).on('error', () => (aborted = true))
    })
    const gate = await startGate({ upstream: upstream.url })
    const { socket } = raw(gate.port, `PUT / HTTP/1.1\r\n${HEAD}Content-Length: 1000\r\n\r\nsome`)
    await until(() => upstream.heads() === 1)
    socket.destroy()
    await until(() => aborted)
    await until(() => gate.log().some(({ status }) => status === 499), gate.output)
  })

  test('an upstream that aborts is noticed: the client gets no complete response', async () => {
    const upstream = await startRawUpstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
      setTimeout(() => socket.destroy(), 50)
    })
    const gate = await startGate({ upstream: upstream.url })
    await expect(asAlice(gate.url)).rejects.toThrow()
    await until(() => gate.log().some(({ level }) => level === 'error'), gate.output)
  })

  test('a response sent before the whole body was read arrives', async () => {
    const upstream = await startRawUpstream((socket) => {
      socket.end('HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig')
    })
    const gate = await startGate({ upstream: upstream.url })
    const { text } = raw(gate.port, `PUT / HTTP/1.1\r\n${HEAD}Content-Length: 1000000\r\n\r\nsome`)
    await until(() => text().endsWith('big'), text)
    expect(statuses(text())).toEqual([413])
  })

  test('a GET succeeds even if the upstream has closed its idle connection', async () => {
    const upstream = await startRawUpstream((socket, _, __, nth) => {
      // The first connection serves one request, and breaks at the second.
      if (nth === 1 && socket.bytesWritten > 0) return socket.resetAndDestroy()
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    const gate = await startGate({ upstream: upstream.url })
    expect((await asAlice(gate.url)).status).toBe(200)
    expect((await asAlice(gate.url)).status).toBe(200)
    expect(upstream.connections()).toBe(2)
  })

  test('HTTP/1.0 without a Host: the upstream gets its own', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url })
    const { text, closed } = raw(gate.port, `GET / HTTP/1.0\r\nAuthorization: ${ALICE}\r\n\r\n`)
    await closed
    expect(statuses(text())).toEqual([200])
    expect(valuesOf(upstream.seen[0], 'host')).toEqual([`127.0.0.1:${upstream.port}`])
  })

  test('a POST is not sent twice', async () => {
    let requests = 0
    const upstream = await startRawUpstream((socket) => {
      requests++
      socket.destroy()
    })
    const gate = await startGate({ upstream: upstream.url })
    const { status } = await asAlice(gate.url, { method: 'POST', body: 'x' })
    expect(status).toBe(502)
    expect(requests).toBe(1)
  })
})

test('a restart of the upstream: 502 while it is down, then as before', async () => {
  const upstream = await startUpstream()
  const gate = await startGate({ upstream: upstream.url })
  expect((await asAlice(gate.url)).status).toBe(200)
  upstream.server.closeAllConnections()
  await new Promise((resolve) => upstream.server.close(resolve))
  expect((await asAlice(gate.url)).status).toBe(502)
  await once(upstream.server.listen(upstream.port, '127.0.0.1'), 'listening')
  expect((await asAlice(gate.url)).status).toBe(200)
})

test('OPTIONS requires a login like everything else', async () => {
  const upstream = await startUpstream()
  const gate = await startGate({ upstream: upstream.url })
  expect((await request(gate.url, { method: 'OPTIONS' })).status).toBe(401)
  expect((await asAlice(gate.url, { method: 'OPTIONS' })).status).toBe(200)
  expect(upstream.heads()).toBe(1)
})

test('an upstream that accepts no connection: 504, with the time waited', async () => {
  // The system accepts for a process that is stopped, until the queue is full.
  const script = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    console.log(this.address().port) })`
  const stopped = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void stopped.kill('SIGKILL'))
  const port = Number(String((await once(stopped.stdout, 'data'))[0]))
  stopped.kill('SIGSTOP')
  for (let i = 0; i < 8; i++) raw(port, '')
  // Deadlines are checked at an interval, whose clock is faked here.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const gate = await startGate({ upstream: `http://127.0.0.1:${port}`, args: ['--upstream-timeout', '60'] })
  let answered = false
  const answer = asAlice(gate.url).finally(() => (answered = true))
  while (!answered) {
    vi.advanceTimersByTime(100)
    await new Promise(setImmediate)
  }
  const { status, body } = await answer
  expect(status).toBe(504)
  expect(body).toContain('within 10 s')
})

test('pipelined requests are answered in order, each with its own credentials', async () => {
  const upstream = await startUpstream((request, response) => {
    setTimeout(() => response.end(request.url), request.url === '/slow' ? 100 : 0)
  })
  const gate = await startGate({ upstream: upstream.url })
  const { text } = raw(
    gate.port,
    `GET /slow HTTP/1.1\r\n${HEAD}\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\nGET /fast HTTP/1.1\r\n${HEAD}\r\n`,
  )
  await until(() => text().endsWith('/fast'), text)
  expect(statuses(text())).toEqual([200, 401, 200])
  expect(text().indexOf('/slow')).toBeLessThan(text().indexOf('UNAUTHENTICATED'))
})

test('a pipelined request waits for the response before it', async () => {
  const answers: (() => void)[] = []
  const upstream = await startUpstream((request, response) => {
    answers.push(() => response.end(request.url))
  })
  const gate = await startGate({ upstream: upstream.url })
  const { text } = raw(gate.port, `GET /1 HTTP/1.1\r\n${HEAD}\r\nGET /2 HTTP/1.1\r\n${HEAD}\r\n`)
  await until(() => answers.length === 1)
  answers[0]?.()
  await until(() => answers.length === 2)
  expect(text()).toMatch(/\/1$/)
  answers[1]?.()
  await until(() => text().endsWith('/2'), text)
})

test('a client that disconnects ends its request, and later ones never begin', async () => {
  let open = 0
  const upstream = await startUpstream((_, response) => {
    open++
    response.on('close', () => open--)
  })
  const gate = await startGate({ upstream: upstream.url })
  const { socket } = raw(gate.port, `GET /1 HTTP/1.1\r\n${HEAD}\r\nGET /2 HTTP/1.1\r\n${HEAD}\r\n`)
  await until(() => open === 1)
  socket.destroy()
  await until(() => open === 0)
  await until(() => gate.log().some(({ path, status }) => path === '/1' && status === 499), gate.output)
  expect(upstream.heads()).toBe(1)
})

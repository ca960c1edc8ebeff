import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CHUNKED } from '../../src/http1/framing.js'
import type { ProtocolError } from '../../src/http1/protocol-error.js'
import { HttpServer, LIMITS } from '../../src/http1/server.js'
import type { ServerLimits } from '../../src/http1/server-connection.js'
import type { ServerExchange } from '../../src/http1/server-exchange.js'
import { statuses, until } from '../support/gate.js'

type Handler = (exchange: ServerExchange) => void

/** Echoes a request once it is complete. */
const echo: Handler = (exchange) => {
  let text = exchange.head.path
  exchange.sink = {
    body: (bytes) => {
      text += bytes
    },
    bodyEnd: (trailers) => {
      if (trailers) text += trailers.text.trim()
      exchange.reply(200, undefined, '', Buffer.from(text))
    },
    drain() {},
    broken: (error) => exchange.reply(error.status, undefined, '', Buffer.from(error.message)),
    over() {},
  }
  exchange.resume()
}

async function start(handler: Handler, limits: Partial<ServerLimits> = {}) {
  const refused: ProtocolError[] = []
  let closed = 0
  const http = new HttpServer(
    () => ({
      request: handler,
      unreadable: (error) => {
        refused.push(error)
        return { lines: '', body: Buffer.from(error.message) }
      },
      closed: () => void closed++,
    }),
    undefined,
    { ...LIMITS, ...limits },
  )
  await once(http.server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    http.server.close()
    http.destroy()
  })
  const { port } = http.server.address() as AddressInfo
  return { http, port, refused, closed: () => closed }
}

/** A client that can close its side and keep reading. */
function client(port: number, text: string) {
  const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let received = ''
  let ended = false
  socket.setEncoding('latin1')
  socket.on('data', (part) => (received += part))
  socket.on('end', () => (ended = true))
  socket.on('error', () => (ended = true))
  onTestFinished(() => void socket.destroy())
  socket.write(text, 'latin1')
  return { socket, text: () => received, ended: () => ended }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

describe('requests on one connection', () => {
  test('pipelined requests: the next one is read after the response', async () => {
    const open: ServerExchange[] = []
    const { port } = await start((exchange) => void open.push(exchange))
    const { text } = client(port, get('/1') + get('/2') + get('/3'))
    for (const path of ['/1', '/2', '/3']) {
      await until(() => open.at(-1)?.head.path === path)
      open.at(-1)?.reply(200, undefined, '', Buffer.from(path))
    }
    await until(() => text().endsWith('/3'), text)
    expect(open).toHaveLength(3)
    expect(statuses(text())).toEqual([200, 200, 200])
  })

  test('ten thousand requests at once, each answered immediately', async () => {
    const { port } = await start(echo)
    const { text } = client(port, get('/').repeat(10_000))
    await until(() => statuses(text()).length === 10_000)
  })

  test('an invalid request, sent during a response, is answered after it', async () => {
    let exchange: ServerExchange | undefined
    const { port } = await start((each) => {
      exchange = each
      each.respond(200, undefined, '', 10)
      each.write(Buffer.from('hello'))
    })
    const { text, ended } = client(port, `${get('/')}\0\0nonsense\r\n\r\n`)
    await until(() => text().endsWith('hello'))
    exchange?.write(Buffer.from('world'))
    exchange?.end()
    await until(ended)
    expect(statuses(text())).toEqual([200, 400])
    expect(text()).toContain('helloworldHTTP/1.1 400 Bad Request')
  })

  test('bodies with a length and in chunks, with trailers, are read byte by byte', async () => {
    const { port } = await start(echo)
    const { socket, text } = client(port, '')
    const all =
      `POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi` +
      `POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n${get('/c')}`
    for (const byte of all) {
      socket.write(byte)
      await new Promise(setImmediate)
    }
    await until(() => text().endsWith('/c'), text)
    expect(text()).toMatch(/\/ahi.*\/bhiA: b.*\/c$/s)
  })
})

describe('a half-closed client', () => {
  test('gets responses to all its requests', async () => {
    const { port } = await start(
      (exchange) => void setTimeout(() => exchange.reply(200, undefined, '', Buffer.from('late')), 100),
    )
    const { socket, text, ended } = client(port, get('/1') + get('/2'))
    socket.end()
    await until(ended)
    expect(statuses(text())).toEqual([200, 200])
    expect(text().match(/Connection: close/g)).toHaveLength(1)
  })

  test('gets them even if they take longer than detecting a disconnect', async () => {
    const { port } = await start(
      (exchange) => void setTimeout(() => exchange.reply(200, undefined, '', Buffer.from('late')), 3500),
    )
    const { socket, text, ended } = client(port, get('/'))
    socket.end()
    await until(ended)
    expect(statuses(text())).toEqual([100, 200])
  })

  test('that disconnects is detected, before and during the response', async () => {
    let begun = 0
    let over = 0
    const { port } = await start((exchange) => {
      exchange.sink = { ...exchange.sink, over: () => void over++ }
      if (exchange.head.path === '/begun') exchange.respond(200, undefined, '', CHUNKED)
      begun++
    })
    const clients = ['/', '/begun'].map((path) => client(port, get(path)))
    await until(() => begun === 2)
    for (const { socket } of clients) socket.destroy()
    await until(() => over === 2)
  })

  test('is disconnected in the middle of a head or body', async () => {
    const { port } = await start(echo)
    const head = client(port, 'GET / HTTP/1.1\r\nHo')
    head.socket.end()
    await until(head.ended)
    expect(statuses(head.text())).toEqual([400])
    const body = client(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhi')
    body.socket.end()
    await until(body.ended)
    expect(statuses(body.text())).toEqual([])
  })

  test('gets its response if it closes right after a body whose reading is paused', async () => {
    const { port } = await start((exchange) => void setTimeout(() => echo(exchange), 100))
    const { socket, text, ended } = client(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi')
    socket.end()
    await until(ended)
    expect(text()).toMatch(/\/hi$/)
  })
})

describe('timeouts', () => {
  test('a head that does not arrive is a 408; no bytes get no response', async () => {
    const { port, refused } = await start(echo, { head: 300 })
    const partial = client(port, 'GET / HT')
    const silent = client(port, '')
    await until(() => partial.ended() && silent.ended())
    expect(statuses(partial.text())).toEqual([408])
    expect(silent.text()).toBe('')
    expect(refused).toHaveLength(1)
  })

  test('a trickling head gets no more time', async () => {
    const { port } = await start(echo, { head: 500 })
    const { socket, text, ended } = client(port, 'GET / HTTP/1.1\r\nX: ')
    const timer = setInterval(() => socket.write('x'), 50)
    onTestFinished(() => clearInterval(timer))
    await until(ended)
    expect(statuses(text())).toEqual([408])
  })

  test('a body that does not arrive is a 408', async () => {
    const { port } = await start(echo, { stall: 300 })
    const { text, ended } = client(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhi')
    await until(ended)
    expect(statuses(text())).toEqual([408])
  })

  test('an idle connection is closed', async () => {
    const { port } = await start(echo, { idle: 300 })
    const { text, ended } = client(port, get('/'))
    await until(ended)
    expect(statuses(text())).toEqual([200])
  })

  test('a client that does not read its response is disconnected', async () => {
    const { port, closed } = await start(
      (exchange) => {
        exchange.respond(200, undefined, '', CHUNKED)
        while (exchange.write(Buffer.alloc(65_536)));
      },
      { stall: 500 },
    )
    const { socket } = client(port, get('/'))
    socket.pause()
    await until(() => closed() === 1)
  })
})

describe('unread bodies', () => {
  test('a response before the whole body: the rest is dropped, and the connection closed', async () => {
    const { port, closed } = await start((exchange) => exchange.reply(413, undefined, '', Buffer.from('no')))
    const { socket, text, ended } = client(
      port,
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n',
    )
    for (let i = 0; i < 20; i++) socket.write(Buffer.alloc(100_000))
    await until(ended)
    expect(statuses(text())).toEqual([413])
    expect(text()).toContain('Connection: close')
    socket.end()
    await until(() => closed() === 1)
  })

  test('a short one is read, and the connection kept', async () => {
    const { port } = await start((exchange) => exchange.reply(403, undefined, '', Buffer.from('no')))
    const { socket, text } = client(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello')
    await until(() => text().endsWith('no'))
    expect(text()).not.toContain('close')
    socket.write(get('/'))
    await until(() => statuses(text()).length === 2)
  })

  test('a malformed chunk is a 400 before the response, and aborts it afterwards', async () => {
    const { port } = await start((exchange) => {
      if (exchange.head.path === '/begun') {
        exchange.respond(200, undefined, '', CHUNKED)
        exchange.write(Buffer.from('begun'))
        exchange.resume()
      } else echo(exchange)
    })
    const text = (path: string) =>
      `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`
    const before = client(port, text('/'))
    await until(before.ended)
    expect(statuses(before.text())).toEqual([400])
    const within = client(port, text('/begun'))
    await until(within.ended)
    expect(statuses(within.text())).toEqual([200])
    expect(within.text()).toMatch(/begun\r\n$/)
  })
})

describe('responses', () => {
  const answer = (head: string, status: number, length: number) =>
    start((exchange) => {
      exchange.respond(status, undefined, '', length)
      exchange.write(Buffer.from('body'))
      exchange.end('T: x\r\n')
    }).then(async ({ port }) => {
      const { socket, text, ended } = client(port, head)
      await until(() => ended() || text().includes('\r\n\r\n'))
      // The server closes the connection after the response.
      socket.end()
      await until(ended)
      return text()
    })

  test.each([
    ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 200, 4, 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody'],
    [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      200,
      CHUNKED,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nT: x\r\n\r\n',
    ],
    ['GET / HTTP/1.0\r\n\r\n', 200, CHUNKED, 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody'],
    [
      'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
      200,
      4,
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\nbody',
    ],
    ['HEAD / HTTP/1.1\r\nHost: x\r\n\r\n', 200, 4, 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n'],
    ['HEAD / HTTP/1.1\r\nHost: x\r\n\r\n', 200, CHUNKED, 'HTTP/1.1 200 OK\r\n\r\n'],
    ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 204, 4, 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 304, 4, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n'],
    [
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      200,
      0,
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    ],
  ] as const)('for %j with status %d and length %d', async (head, status, length, expected) => {
    expect(await answer(head, status, length)).toBe(expected)
  })

  test('an aborted one is sent up to that point', async () => {
    const { port } = await start((exchange) => {
      exchange.respond(200, undefined, '', 10)
      exchange.write(Buffer.from('half'))
      exchange.abort()
    })
    const { text, ended } = client(port, get('/'))
    await until(ended)
    expect(text()).toMatch(/Content-Length: 10\r\n\r\nhalf$/)
  })

  test('interim ones are sent, but not to HTTP/1.0 clients', async () => {
    const { port } = await start((exchange) => {
      exchange.inform(103, undefined, 'Link: </x>\r\n')
      exchange.inform(100, undefined, '')
      exchange.reply(200, undefined, '', Buffer.from('ok'))
    })
    const now = client(port, get('/'))
    await until(() => now.text().endsWith('ok'))
    expect(statuses(now.text())).toEqual([103, 100, 200])
    const old = client(port, 'GET / HTTP/1.0\r\n\r\n')
    await until(old.ended)
    expect(statuses(old.text())).toEqual([200])
  })
})

test('a tunnel relays both ways, each until its side ends', async () => {
  const { port, closed } = await start((exchange) => {
    let tunnel = false
    exchange.sink = {
      ...exchange.sink,
      body: (bytes) => void exchange.write(Buffer.from(bytes.toString().toUpperCase())),
      bodyEnd: () => {
        if (!tunnel) return
        exchange.write(Buffer.from('bye'))
        exchange.end()
      },
    }
    setTimeout(() => {
      tunnel = true
      exchange.switchProtocols(undefined, 'Upgrade: x\r\nConnection: Upgrade\r\n')
    }, 50)
  })
  const { socket, text, ended } = client(port, `${get('/')}first `)
  await until(() => text().endsWith('FIRST '))
  socket.write('second ')
  await until(() => text().endsWith('SECOND '))
  socket.end()
  await until(ended)
  expect(text()).toMatch(
    /^HTTP\/1\.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nFIRST SECOND bye$/,
  )
  await until(() => closed() === 1)
})

test('draining: idle connections close, requests in progress finish', async () => {
  let exchange: ServerExchange | undefined
  const { http, port } = await start((each) => {
    if (each.head.path === '/slow') exchange = each
    else echo(each)
  })
  const idle = client(port, get('/'))
  const busy = client(port, get('/slow'))
  await until(() => idle.text() !== '' && exchange !== undefined)
  const drained = http.drain()
  await until(idle.ended)
  idle.socket.end()
  exchange?.reply(200, undefined, '', Buffer.from('done'))
  await until(busy.ended)
  expect(busy.text()).toMatch(/Connection: close\r\n\r\ndone$/)
  busy.socket.end()
  await drained
})

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ClientLimits } from '../../src/http1/client-connection.js'
import { ClientPool } from '../../src/http1/client-pool.js'
import { CHUNKED } from '../../src/http1/framing.js'
import { settled, until } from '../support/until.js'
import { ask } from './ask.js'

const LIMITS: ClientLimits = { connect: 1000, response: 1000, idle: 1000 }

/** A server on bare sockets. */
async function start(
  onData: (socket: Socket, text: string, nth: number) => void,
  limits: Partial<ClientLimits> = {},
) {
  let connections = 0
  const server = createServer((socket) => {
    const nth = ++connections
    socket.on('error', () => {})
    socket.on('data', (part) => onData(socket, part.toString('latin1'), nth))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const pool = new ClientPool(
    { host: '127.0.0.1', port: (server.address() as AddressInfo).port, tls: false },
    { ...LIMITS, ...limits },
  )
  onTestFinished(() => {
    server.close()
    pool.destroy()
  })
  return { pool, connections: () => connections }
}

describe('connections are reused', () => {
  test.each([
    ['a length', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['chunks', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
    ['HEAD with a length', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'],
    ['HEAD with chunks', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['HEAD without either', 'HEAD', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['304 with a length', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n'],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    [
      'HTTP/1.0 with keep-alive',
      'GET',
      'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok',
    ],
  ])('after %s', async (_, method, response) => {
    const { pool, connections } = await start((socket) => socket.write(response))
    for (let i = 0; i < 3; i++) await ask(pool, { method }).over()
    expect(connections()).toBe(1)
  })

  test.each([
    ['close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['bytes after the response', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n'],
    ['204 with a body', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n'],
    ['an expired idle timeout', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok'],
  ])('not after %s', async (_, response) => {
    const { pool, connections } = await start((socket) => socket.write(response))
    for (let i = 0; i < 3; i++) await ask(pool).over()
    expect(connections()).toBe(3)
  })

  test('not after unsolicited bytes, nor beyond the idle limit', async () => {
    const { pool, connections } = await start(
      (socket, _, nth) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        if (nth === 1) setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong'), 50)
      },
      { idle: 200 },
    )
    await ask(pool).over()
    expect(pool.idle).toBe(1)
    await until(() => pool.idle === 0)
    const second = ask(pool)
    await second.over()
    expect(second.events).toEqual(['200', 'ok', 'end'])
    await until(() => pool.idle === 0)
    await ask(pool).over()
    expect(connections()).toBe(3)
  })
})

describe('failures', () => {
  test('a port without a server', async () => {
    const pool = new ClientPool({ path: '/nowhere/socket' }, LIMITS)
    const { over, error } = ask(pool)
    await over()
    expect(error()).toMatchObject({ failure: 'unreachable', isStale: false })
    expect(error()?.message).toContain('ENOENT')
  })

  test('a server that never responds', async () => {
    const { pool } = await start(() => {}, { response: 300 })
    const { over, error } = ask(pool)
    await over()
    expect(error()).toMatchObject({ failure: 'timeout', message: 'did not respond within 0.3 s' })
  })

  test.each([
    ['nonsense', 'what?\r\n\r\n', 'protocol'],
    ['invalid bytes without an end', '\x01\x02\x03', 'protocol'],
    ['nothing before it closes', '', 'closed'],
    ['half a head before it closes', 'HTTP/1.1 200 OK\r\nCont', 'closed'],
    ['half a body before it closes', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', 'closed'],
    [
      'half a chunk before it closes',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf',
      'closed',
    ],
    ['interim responses without end', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(200), 'protocol'],
  ])('%s', async (_, response, failure) => {
    const { pool } = await start((socket) => void socket.end(response, 'latin1'))
    const { over, error } = ask(pool)
    await over()
    expect(error()).toMatchObject({ failure, isStale: false })
  })

  test('an aborted body is distinguished from a complete one', async () => {
    const { pool } = await start((socket, text) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nhello', () => {
        if (text.includes('/reset')) setTimeout(() => socket.resetAndDestroy(), 50)
        else socket.end()
      })
    })
    const whole = ask(pool)
    await whole.over()
    expect(whole.events).toEqual(['200', 'hello', 'end'])
    const broken = ask(pool, { path: '/reset' })
    await broken.over()
    expect(broken.events).toEqual(['200', 'hello', 'closed'])
  })

  test('a connection that was closed while it was idle is stale', async () => {
    const { pool } = await start((socket) => {
      if (socket.bytesWritten > 0) socket.resetAndDestroy()
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    await ask(pool).over()
    const { over, error } = ask(pool)
    await over()
    expect(error()).toMatchObject({ failure: 'closed', isStale: true })
    const fresh = ask(pool, {}, true)
    await fresh.over()
    expect(fresh.events).toEqual(['200', 'ok', 'end'])
  })
})

describe('requests', () => {
  test('the head and each part of the body are sent at once', async () => {
    let received = ''
    const { pool } = await start((socket, text) => {
      received += text
      if (received.endsWith('0\r\nT: x\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    })
    const { connection, over } = ask(pool, { method: 'POST', length: CHUNKED })
    await until(
      () => received === 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
      () => received,
    )
    connection.write(Buffer.from('hello'))
    await until(() => received.endsWith('5\r\nhello\r\n'))
    connection.finish('T: x\r\n')
    await over()
  })

  test.each([
    ['POST', 0, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'],
    ['GET', 0, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['GET', 5, 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n'],
  ])('%s of %d bytes', async (method, length, expected) => {
    let received = ''
    const { pool } = await start((_, text) => {
      received += text
    })
    ask(pool, { method, length })
    await until(() => received !== '')
    expect(received).toBe(expected)
  })

  test('an early response is received, however much is still to be sent', async () => {
    const { pool } = await start((socket) => {
      socket.end('HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig')
      socket.destroySoon()
    })
    for (let i = 0; i < 20; i++) {
      const { connection, events, over } = ask(pool, { method: 'PUT', length: 1e9 })
      const timer = setInterval(() => {
        while (connection.write(Buffer.alloc(65_536)));
      }, 1)
      onTestFinished(() => clearInterval(timer))
      await over()
      clearInterval(timer)
      expect(events.slice(0, 3)).toEqual(['413', 'big', 'end'])
      connection.abort()
    }
  })

  test('interim responses, trailers and unusual reason phrases', async () => {
    const { pool } = await start((socket) =>
      socket.write(
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n' +
          'HTTP/1.1 200 \xe4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: y\r\n\r\n',
        'latin1',
      ),
    )
    const { events, over } = ask(pool)
    await over()
    expect(events).toEqual(['100', '103', '200', 'x', 'end T: y'])
  })

  test('a tunnel forwards both ways', async () => {
    const { pool } = await start((socket, text) => {
      if (text.startsWith('GET')) socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\nhello ')
      else socket.end(text.toUpperCase())
    })
    const { connection, events, over } = ask(pool)
    await until(
      () => events.includes('hello '),
      () => events,
    )
    connection.write(Buffer.from('world'))
    await over()
    expect(events).toEqual(['101', 'hello ', 'WORLD', 'end'])
    connection.finish()
  })

  test('a paused response waits', async () => {
    let sent = 0
    const { pool } = await start((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n')
      const write = () => {
        while (sent < 100_000_000 && socket.write(Buffer.alloc(100_000))) sent += 100_000
      }
      socket.on('drain', write)
      write()
    })
    const { connection, events } = ask(pool)
    await until(() => events.includes('200'))
    connection.pause()
    expect(await settled(() => sent)).toBeLessThan(32_000_000)
    connection.resume()
    await until(() => sent > 50_000_000)
  })
})

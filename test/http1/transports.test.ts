import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect as connectTcp, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { ClientPool, type Target } from '../../src/http1/client-pool.js'
import { CHUNKED } from '../../src/http1/framing.js'
import { HttpServer, tlsOptions } from '../../src/http1/server.js'
import type { ServerExchange } from '../../src/http1/server-exchange.js'
import { makeCertificate } from '../support/certificate.js'
import { temporaryFolder } from '../support/folder.js'
import { statuses, until } from '../support/gate.js'
import { describeIf, lackingPeers } from '../support/peers.js'
import { settled } from '../support/until.js'
import { ask } from './ask.js'

// Tests from server.test.ts and client.test.ts for which the transport may matter: TLS, whose sockets read and end differently,
// and Unix sockets.

type Transport = 'TCP' | 'TLS' | 'a Unix socket'
const TRANSPORTS: Transport[] = ['TCP', 'TLS', 'a Unix socket']
/** Certificates are made by openssl. */
const lacks = (transport: Transport) => (transport === 'TLS' ? lackingPeers('openssl') : [])

const LIMITS = { connect: 10_000, response: 10_000, idle: 10_000 }
const PART = Buffer.alloc(65_536, 'x')
/** How many bytes sockets, TLS and the kernel may buffer before a writer must stop. */
const MOST_TAKEN = 32 * 2 ** 20

/** A certificate and its key, in PEM. */
interface Pem {
  readonly cert: Buffer
  readonly key: Buffer
}

function pemFor(name: string): Pem {
  const { cert, key } = makeCertificate(temporaryFolder(), name)
  return { cert: readFileSync(cert), key: readFileSync(key) }
}

let made: Pem | undefined
/** For localhost and 127.0.0.1. */
function certificate(): Pem {
  made ??= pemFor('localhost')
  return made
}

/** Makes `server` listen, and returns its address. */
async function listen(server: Server, transport: Transport): Promise<Target> {
  if (transport === 'a Unix socket') {
    const path = join(temporaryFolder(), 'socket')
    await once(server.listen(path), 'listening')
    return { path }
  }
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return transport === 'TLS'
    ? { host: 'localhost', port, tls: true, ca: certificate().cert }
    : { host: '127.0.0.1', port, tls: false }
}

for (const transport of TRANSPORTS)
  describeIf(lacks(transport), `a server on ${transport}`, () => {
    async function start(handler: (exchange: ServerExchange) => void) {
      const http = new HttpServer(
        () => ({
          request: handler,
          unreadable: (error) => ({ lines: '', body: Buffer.from(error.message) }),
          closed() {},
        }),
        transport === 'TLS' ? tlsOptions(certificate()) : undefined,
      )
      const target = await listen(http.server, transport)
      onTestFinished(() => {
        http.server.close()
        http.destroy()
      })
      return target
    }

    /** A client that can close its side and keep reading. */
    function client(target: Target, text: string) {
      const options = { allowHalfOpen: true }
      let socket: Socket
      if ('path' in target) socket = connectTcp({ ...options, path: target.path })
      else if (!target.tls) socket = connectTcp({ ...options, host: target.host, port: target.port })
      else {
        const { host, port, ca } = target
        // Node's TLS sockets become half-open only through the property.
        socket = connectTls({ host, port, ca: ca as Buffer, servername: host })
        socket.allowHalfOpen = true
      }
      let received = ''
      let length = 0
      let ended = false
      socket.on('data', (part: Buffer) => {
        length += part.length
        if (received.length < 100_000) received += part.toString('latin1')
      })
      socket.on('end', () => (ended = true))
      socket.on('error', () => (ended = true))
      onTestFinished(() => void socket.destroy())
      socket.write(text, 'latin1')
      return { socket, text: () => received, length: () => length, ended: () => ended }
    }

    const echo = (exchange: ServerExchange) => {
      let text = exchange.head.path
      exchange.sink = {
        body: (bytes) => {
          text += bytes
        },
        bodyEnd: (trailers) =>
          exchange.reply(200, undefined, '', Buffer.from(text + (trailers?.text.trim() ?? ''))),
        drain() {},
        broken: (error) => exchange.reply(error.status, undefined, '', Buffer.from(error.message)),
        over() {},
      }
      exchange.resume()
    }

    const POST =
      'POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n4;x=y\r\ntwo,\r\n0\r\nT: z\r\n\r\n'

    test('framing: chunked bodies, byte by byte, and several requests at once', async () => {
      const target = await start(echo)
      const slow = client(target, '')
      for (const byte of POST) slow.socket.write(byte, 'latin1')
      await until(() => slow.text().endsWith('/aonetwo,T: z'), slow.text)
      const quick = client(target, POST + POST + POST)
      await until(() => statuses(quick.text()).length === 3, quick.text)
      expect(quick.text().split('/aonetwo,T: z')).toHaveLength(4)
    })

    test('an invalid request gets a 400, and the connection ends', async () => {
      const { text, ended } = client(await start(echo), 'GET / HTTP/1.1\r\nHost : x\r\n\r\n')
      await until(ended)
      expect(statuses(text())).toEqual([400])
    })

    test('a half-closed client gets all its responses', async () => {
      const open: ServerExchange[] = []
      const { socket, text, ended } = client(
        await start((exchange) => void open.push(exchange)),
        'GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n',
      )
      socket.end()
      for (const path of ['/1', '/2']) {
        await until(() => open.at(-1)?.head.path === path, text)
        open.at(-1)?.reply(200, undefined, '', Buffer.from(path))
      }
      await until(ended, text)
      expect(statuses(text()).filter((status) => status !== 100)).toEqual([200, 200])
      expect(text().endsWith('/2')).toBe(true)
    })

    test('a client that does not read pauses the response, and gets all of it later', async () => {
      const size = 64 * 2 ** 20
      let sent = 0
      const target = await start((exchange) => {
        const write = () => {
          while (sent < size) {
            sent += PART.length
            if (!exchange.write(PART)) return
          }
          exchange.end()
        }
        exchange.sink = { body() {}, bodyEnd() {}, drain: write, broken() {}, over() {} }
        exchange.respond(200, undefined, '', CHUNKED)
        write()
      })
      const { socket, text, length } = client(
        target,
        'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      )
      await until(() => text() !== '')
      socket.pause()
      expect(await settled(() => sent)).toBeLessThan(MOST_TAKEN)
      socket.resume()
      await until(() => length() > size)
    })

    test('an aborted response does not look complete', async () => {
      const target = await start((exchange) => {
        exchange.respond(200, undefined, '', CHUNKED)
        exchange.write(Buffer.from('begun'))
        exchange.abort()
      })
      const { socket, text } = client(target, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      await until(() => socket.readableEnded || socket.destroyed)
      expect(text()).toMatch(/begun\r\n$/)
    })
  })

for (const transport of TRANSPORTS)
  describeIf(lacks(transport), `a client on ${transport}`, () => {
    async function start(onData: (socket: Socket, text: string) => void, own?: Pem) {
      const sockets: Socket[] = []
      const onSocket = (socket: Socket) => {
        sockets.push(socket)
        socket.on('error', () => {})
        socket.on('data', (part: Buffer) => onData(socket, part.toString('latin1')))
      }
      const server =
        transport === 'TLS'
          ? createTlsServer(own ?? certificate(), onSocket)
          : createServer({ allowHalfOpen: true }, onSocket)
      const target = await listen(server, transport)
      onTestFinished(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
      return { target, sockets }
    }

    function poolTo(target: Target): ClientPool {
      const pool = new ClientPool(target, LIMITS)
      onTestFinished(() => pool.destroy())
      return pool
    }

    test('chunks, trailers and interim responses, on one connection', async () => {
      const { target, sockets } = await start((socket) => {
        for (const byte of 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n') {
          socket.write(byte)
        }
        socket.write('3\r\none\r\n3\r\ntwo\r\n0\r\nT: z\r\n\r\n')
      })
      const pool = poolTo(target)
      for (let i = 0; i < 3; i++) {
        const { events, over } = ask(pool)
        await over()
        expect(events.join(' ').replaceAll('one two', 'onetwo')).toBe('103 200 onetwo end T: z')
      }
      expect(sockets).toHaveLength(1)
    })

    test('a response that ends with its connection is complete; one shorter than its length is not', async () => {
      const { target } = await start((socket, text) => {
        socket.end(
          text.startsWith('GET /short')
            ? 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort'
            : 'HTTP/1.1 200 OK\r\n\r\nall',
        )
      })
      const pool = poolTo(target)
      const whole = ask(pool)
      await whole.over()
      expect(whole.events).toEqual(['200', 'all', 'end'])
      const short = ask(pool, { path: '/short' })
      await short.over()
      expect(short.events).toEqual(['200', 'short', 'closed'])
    })

    test('an upload proceeds as fast as it is read', async () => {
      const { target, sockets } = await start((socket) => void socket.pause())
      let sent = 0
      const write = () => {
        while (sent < 2 * MOST_TAKEN) {
          sent += PART.length
          if (!connection.write(PART)) return
        }
      }
      const { connection } = ask(poolTo(target), { method: 'PUT', length: CHUNKED }, false, write)
      await until(() => sockets[0]?.isPaused() === true)
      write()
      expect(await settled(() => sent)).toBeLessThan(MOST_TAKEN)
      const [socket] = sockets
      socket?.removeAllListeners('data')
      socket?.resume()
      await until(() => sent >= 2 * MOST_TAKEN)
    })

    test('a paused response waits', async () => {
      const size = 64 * 2 ** 20
      let sent = 0
      const { target } = await start((socket) => {
        const write = () => {
          while (sent < size) {
            sent += PART.length
            if (!socket.write(PART)) return
          }
        }
        socket.on('drain', write)
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
        write()
      })
      const { connection, events, over } = ask(poolTo(target))
      await until(() => events.includes('200'))
      connection.pause()
      expect(await settled(() => sent)).toBeLessThan(MOST_TAKEN)
      connection.resume()
      await over()
      expect(events.slice(1, -1).reduce((sum, part) => sum + part.length, 0)).toBe(size)
    })

    if (transport !== 'TLS') return

    const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

    test('sends the server’s name, but no IP address, in the handshake, and resumes sessions', async () => {
      const { target, sockets } = await start((socket) => void socket.write(OK))
      const pool = poolTo(target)
      for (let i = 0; i < 2; i++) await ask(pool, {}, true).over()
      await ask(poolTo({ ...target, host: '127.0.0.1' } as Target)).over()
      const names = sockets.map((socket) => (socket as TLSSocket & { servername?: unknown }).servername)
      expect(names).toEqual(['localhost', 'localhost', false])
      expect(sockets.map((socket) => (socket as TLSSocket).isSessionReused())).toEqual([false, true, false])
    })

    test('a handshake that does not finish is a connect timeout', async () => {
      const silent = createServer((socket) => void socket.on('error', () => {}).resume())
      const target = await listen(silent, 'TCP')
      onTestFinished(() => void silent.close())
      const { port } = target as { port: number }
      const limits = { ...LIMITS, connect: 100 }
      const pool = new ClientPool({ host: '127.0.0.1', port, tls: true, ca: undefined }, limits)
      onTestFinished(() => pool.destroy())
      const { events, over } = ask(pool)
      await over()
      expect(events).toEqual(['connect-timeout'])
    })

    test('certificates of other authorities or for other names are rejected', async () => {
      const { target } = await start((socket) => void socket.write(OK))
      const unknown = ask(poolTo({ ...target, ca: undefined } as Target))
      await unknown.over()
      expect(unknown.events).toEqual(['unreachable'])
      expect(unknown.error()?.message).toContain('self-signed certificate')

      const elsewhere = pemFor('elsewhere')
      const other = await start((socket) => void socket.write(OK), elsewhere)
      const wrong = ask(poolTo({ ...other.target, ca: elsewhere.cert } as Target))
      await wrong.over()
      expect(wrong.events).toEqual(['unreachable'])
      expect(wrong.error()?.message).toContain("Host: localhost. is not in the cert's altnames")
    })
  })

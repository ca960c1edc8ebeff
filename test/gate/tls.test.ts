import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { ALICE, startGate, startUpstream, statuses, until, valuesOf } from '../support/gate.js'
import { describeWith, peer } from '../support/peers.js'

// Assertions of nginx's own test suite that hold for any server with TLS (nginx-tests: ssl, ssl_certificate_chain,
// ssl_verify_depth, proxy_request_buffering_ssl).

/** PEM of a certificate and its key. */
interface Pair {
  readonly cert: string
  readonly key: string
}

describeWith(['openssl'], 'TLS', () => {
  let folder: string
  const path = (name: string) => join(folder, name)
  let root: string
  let intermediate: string
  let server: Pair
  let client: Pair
  /** The gate's options. */
  let tls: string[]

  /** Certificate `name` for `subject`, signed by `issuer` or itself. */
  function issue(name: string, subject: string, issuer: string | undefined, ...extensions: string[]): Pair {
    execFileSync(
      peer('openssl') as string,
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
        .concat(['-subj', `/CN=${subject}`, '-keyout', path(`${name}.key`), '-out', path(`${name}.pem`)])
        .concat(issuer === undefined ? [] : ['-CA', path(`${issuer}.pem`), '-CAkey', path(`${issuer}.key`)])
        .concat(extensions.flatMap((extension) => ['-addext', extension])),
      { stdio: 'pipe' },
    )
    return { cert: readFileSync(path(`${name}.pem`), 'utf8'), key: readFileSync(path(`${name}.key`), 'utf8') }
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'htgate-tls-'))
    const isCa = 'basicConstraints=critical,CA:TRUE'
    const isLeaf = 'basicConstraints=critical,CA:FALSE'
    root = issue('root', 'Root', undefined).cert
    intermediate = issue('intermediate', 'Intermediate', 'root', isCa).cert
    server = issue(
      'server',
      'gate.test',
      'intermediate',
      isLeaf,
      'subjectAltName=DNS:gate.test,DNS:localhost',
    )
    client = issue('client', 'ann', 'intermediate', isLeaf)
    writeFileSync(path('chain.pem'), server.cert + intermediate)
    tls = ['--tls-cert', path('chain.pem'), '--tls-key', path('server.key')]
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function start() {
    const upstream = await startUpstream()
    const gate = await startGate({
      upstream: upstream.url,
      args: [
        '--tls-cert',
        path('chain.pem'),
        '--tls-key',
        path('server.key'),
        '--client-ca',
        path('root.pem'),
      ],
    })
    return { upstream, gate }
  }

  /** A bare client that trusts only the root. */
  async function open(port: number, options: ConnectionOptions = {}) {
    const socket = connect({ port, host: '127.0.0.1', servername: 'gate.test', ca: root, ...options })
    onTestFinished(() => void socket.destroy())
    let text = ''
    let error: Error | undefined
    let session: Buffer | undefined
    socket.setEncoding('latin1').on('data', (part) => (text += part))
    socket.on('error', (each) => (error = each))
    socket.on('session', (each) => (session = each))
    await until(() => socket.authorized || error !== undefined)
    return { socket, text: () => text, error: () => error, session: () => session }
  }

  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${ALICE}\r\n\r\n`

  test('the whole certificate chain is sent, so that clients need only the root', async () => {
    const { gate } = await start()
    const { socket, text, error } = await open(gate.port)
    expect(error()).toBeUndefined()
    socket.write(get('/'))
    await until(() => text().endsWith('ok'), text)
  })

  test('client certificates may be issued by an intermediate authority, and last in resumed sessions', async () => {
    const { gate, upstream } = await start()
    const chain = { cert: client.cert + intermediate, key: client.key }
    let session: Buffer | undefined
    for (const isReused of [false, true]) {
      const ann = await open(gate.port, { ...chain, session })
      ann.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      await until(() => statuses(ann.text()).length === 1, ann.text)
      expect([ann.socket.isSessionReused(), statuses(ann.text())]).toEqual([isReused, [200]])
      session = ann.session()
    }
    expect(upstream.seen.map((each) => valuesOf(each, 'x-forwarded-user'))).toEqual([['ann'], ['ann']])
    const alone = await open(gate.port, client)
    alone.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await until(() => statuses(alone.text()).length === 1, alone.text)
    expect(statuses(alone.text())).toEqual([401])
  })

  test('pipelined requests may fill several records', async () => {
    const { gate } = await start()
    const { socket, text } = await open(gate.port)
    socket.write(get('/').repeat(500))
    await until(() => statuses(text()).length === 500)
    expect(new Set(statuses(text()))).toEqual(new Set([200]))
  })

  test('an upload may fill several records', async () => {
    const { gate, upstream } = await start()
    const { socket, text } = await open(gate.port)
    const part = '0123456789'.repeat(20)
    socket.write(get('/').replace('GET', 'PUT').replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n'))
    for (let i = 0; i < 5; i++) {
      socket.write(`${part.length.toString(16)}\r\n${part}\r\n`)
      await new Promise(setImmediate)
    }
    socket.write('0\r\n\r\n')
    await until(() => text().endsWith('ok'), text)
    expect(upstream.seen.map(({ body }) => body)).toEqual([part.repeat(5)])
  })

  test('a WebSocket works with TLS on both sides', async () => {
    const chain = { cert: server.cert + intermediate, key: server.key }
    const upstream = createServer(chain).on('upgrade', (_, socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
      socket.write(head)
      socket.on('error', () => {}).pipe(socket)
    })
    await once(upstream.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void upstream.close())
    const gate = await startGate({
      upstream: `https://localhost:${(upstream.address() as AddressInfo).port}`,
      args: [...tls, '--upstream-ca', path('root.pem')],
    })
    const { socket, text } = await open(gate.port)
    const upgrade = get('/').replace(/\r\n$/, 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    const parts = ['first', 'a'.repeat(100_000), 'b', 'c'.repeat(300_000), 'last']
    socket.write(upgrade + parts[0])
    await until(() => text().endsWith('first'), text)
    for (const part of parts.slice(1)) socket.write(part)
    const sent = parts.join('')
    await until(
      () => text().endsWith(sent),
      () => text().length,
    )
    socket.end()
    await until(
      () => gate.log().some(({ status, bytes }) => status === 101 && bytes === sent.length),
      gate.output,
    )
  })

  test('a rejected request ends with close_notify, even if more was sent', async () => {
    const { gate } = await start()
    const { socket, text, error } = await open(gate.port)
    let ended = false
    socket.on('end', () => (ended = true))
    socket.write('GET /\r\n\r\nmore')
    await until(() => ended || error() !== undefined)
    expect([statuses(text()), error()]).toEqual([[400], undefined])
  })

  test('a client that disconnects without close_notify is not logged as an error', async () => {
    const { gate } = await start()
    const { socket, text } = await open(gate.port)
    socket.write(get('/'))
    await until(() => text().endsWith('ok'), text)
    socket.destroy()
    const next = await open(gate.port)
    next.socket.write(get('/next'))
    await until(() => next.text().endsWith('ok'))
    await until(() => gate.log().some(({ path }) => path === '/next'))
    expect(gate.log().filter(({ level }) => level !== 'info')).toEqual([])
    expect(gate.said()).not.toMatch(/error/i)
  })
})

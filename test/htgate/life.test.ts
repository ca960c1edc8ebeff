import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer, request as sendTls } from 'node:https'
import { type AddressInfo, connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import {
  ALICE,
  asAlice,
  failedStart,
  passwordFile,
  raw,
  record,
  request,
  runGate,
  startGate,
  startGateProcess,
  startUpstream,
  statuses,
  until,
  valuesOf,
} from '../support/gate.js'
import { describeWith } from '../support/peers.js'
import { basic } from '../support/requests.js'
import { run } from '../support/run.js'

/** A certificate for localhost and 127.0.0.1, and its key. */
async function certificate(folder: string, name: string) {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}-key.pem`)]
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const how = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ]
  const { status, stderr } = await run('openssl', [...how, ...subject, '-out', cert, '-keyout', key])
  expect(status, String(stderr)).toBe(0)
  return { cert, key }
}

/** A file that can be read. */
const SOME_FILE = fileURLToPath(new URL('../../package.json', import.meta.url))
const MUST = ['--file', SOME_FILE, '--upstream', 'http://127.0.0.1:5000']

describe('startup', () => {
  test('reports what it guards and which records are weak', async () => {
    const sha1 = '{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk='
    const file = passwordFile(
      `${record('zoe', 'secret', 10)}${record('alice', 'secret')}bob:${sha1}\ncyd:${sha1}\ndan:${sha1}\neve:${sha1}\n`,
    )
    const gate = await startGate({ upstream: 'http://127.0.0.1:5000', file })
    expect(gate.said()).toMatch(/^htgate: guarding http:\/\/127\.0\.0\.1:5000 for 6 users in /)
    expect(gate.said()).toContain(
      [
        'weak records: 5; anyone who gets hold of the file can crack these passwords',
        '  line 2, alice: bcrypt with cost 4, less than 10',
        '  line 3, bob: sha1 is broken: most passwords can be recovered within seconds',
        '  line 4, cyd: sha1 is broken: most passwords can be recovered within seconds',
        '  and 2 more',
        `hint: list all with htpasswd --audit ${file}, replace one with htpasswd -B -C 10 ${file} USER\n`,
      ].join('\nhtgate: '),
    )
    expect(gate.said()).toMatch(/listening on 127\.0\.0\.1:\d+ \(HTTP\)/)
  })

  test('an invalid command line: exit 2', async () => {
    const gate = runGate(['--file', 'x'])
    expect(await gate.ended).toBe(2)
    expect(gate.said()).toContain('htgate --help')
  })

  test('a password file that is missing or a folder: exit 1', async () => {
    const missing = runGate(['--file', '/nowhere/x', '--upstream', 'http://127.0.0.1:5000'])
    expect(await missing.ended).toBe(1)
    expect(missing.said()).toMatch(/--file: cannot read \/nowhere\/x.*\n.*htpasswd -cB -C 10/)
    const folder = await failedStart(['--file', temporaryFolder(), '--upstream', 'http://127.0.0.1:5000'])
    expect(folder).toMatchObject({ status: 1, said: expect.stringContaining('is not a file') })
    expect(folder.said).not.toContain('htpasswd')
  })

  test('a port in use: exit 1', async () => {
    const upstream = await startUpstream()
    const { status: code, said } = await failedStart([...MUST, '--listen', `127.0.0.1:${upstream.port}`])
    expect(code).toBe(1)
    expect(said).toContain(`cannot listen on 127.0.0.1:${upstream.port}: the address is in use`)
  })

  test('a Unix socket where there is no folder, or something else: exit 1', async () => {
    const said = async (path: string) => (await failedStart([...MUST, '--listen', `unix:${path}`])).said
    expect(await said('/nowhere/s')).toContain('cannot listen on unix:/nowhere/s: no such folder')
    const folder = temporaryFolder()
    expect(await said(folder)).toContain(`cannot listen on unix:${folder}: the file there is not a socket`)
  })

  test('an unknown variable is reported', async () => {
    expect(
      (await startGateProcess({ upstream: 'http://127.0.0.1:9', env: { HTGATE_TLS_CERTS: 'c' } })).said(),
    ).toContain('unknown variable HTGATE_TLS_CERTS ignored')
  })

  test.each([
    ['the upstream', '--upstream-ca', ['--upstream', 'https://127.0.0.1:9']],
    [
      'issuers',
      '--oidc-ca',
      ['--upstream', 'http://127.0.0.1:9', '--oidc-trust', 'issuer=https://127.0.0.1:9,audience=x'],
    ],
  ])('missing or invalid certificates for %s: exit 1', async (_, option, args) => {
    const ca = (path: string) => failedStart(['--file', passwordFile(), ...args, option, path])
    expect(await ca('/nowhere')).toMatchObject({
      status: 1,
      said: expect.stringContaining(`${option}: cannot read /nowhere: no such file or directory`),
    })
    expect(await ca(passwordFile())).toMatchObject({
      status: 1,
      said: expect.stringContaining('is not a valid certificate'),
    })
  })

  test('an address that this machine does not have: exit 1', async () => {
    expect(await failedStart([...MUST, '--listen', '192.0.2.1:0'])).toMatchObject({
      status: 1,
      said: expect.stringContaining('this machine has no such address'),
    })
  })

  test('a certificate that cannot be read or is not valid: exit 1', async () => {
    const tls = (cert: string) => failedStart([...MUST, '--tls-cert', cert, '--tls-key', cert])
    expect(await tls('/nowhere')).toMatchObject({
      status: 1,
      said: expect.stringContaining('--tls-cert: cannot read /nowhere'),
    })
    expect(await tls(SOME_FILE)).toMatchObject({
      status: 1,
      said: expect.stringContaining('is not a valid certificate'),
    })
  })
})

describe('signals', () => {
  test('SIGTERM: no new connections, requests in progress finish, exit 0', async () => {
    let finish = () => {}
    const upstream = await startUpstream((_, response) => {
      response.write('begun, ')
      finish = () => response.end('done')
    })
    const gate = await startGateProcess({ upstream: upstream.url })
    const idle = raw(gate.port, '')
    const { text, closed } = raw(gate.port, `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${ALICE}\r\n\r\n`)
    await until(() => text().includes('begun'))
    gate.process.kill('SIGTERM')
    await idle.closed
    await expect(request(gate.url)).rejects.toThrow(/ECONNREFUSED/)
    finish()
    await closed
    expect(text()).toContain('done')
    expect(await gate.ended).toBe(0)
    expect(gate.log().at(-1)).toMatchObject({ status: 200 })
  })

  test('requests and WebSockets are aborted after --drain-timeout, and counted in the log', async () => {
    const upstream = await startUpstream((_, response) => void response.write('endless'))
    upstream.server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      socket.on('error', () => {}).on('end', () => socket.end())
      socket.resume()
    })
    const gate = await startGateProcess({ upstream: upstream.url, args: ['--drain-timeout', '0.2'] })
    const get = (lines: string) =>
      raw(gate.port, `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${ALICE}\r\n${lines}\r\n`)
    const stream = get('')
    const webSocket = get('Connection: Upgrade\r\nUpgrade: websocket\r\n')
    await until(() => stream.text().includes('endless') && webSocket.text().includes(' 101 '))
    gate.process.kill('SIGINT')
    await Promise.all([stream.closed, webSocket.closed])
    expect(await gate.ended).toBe(0)
    expect(gate.log().map(({ message }) => message)).toContain(
      'drain timeout (0.2 s) reached, 2 requests aborted',
    )
  })

  test('a second signal exits at once', async () => {
    const upstream = await startUpstream((_, response) => void response.write('for ever'))
    const gate = await startGateProcess({ upstream: upstream.url })
    const { text } = raw(gate.port, `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${ALICE}\r\n\r\n`)
    await until(() => text().includes('for ever'))
    gate.process.kill('SIGTERM')
    await until(() => gate.log().some(({ message }) => /SIGTERM/.test(String(message))), gate.output)
    gate.process.kill('SIGTERM')
    await gate.ended
    expect(gate.process.signalCode).toBe('SIGTERM')
  })

  test('SIGTERM exits in time even if the log is not read', async () => {
    const upstream = await startUpstream()
    const args = ['--file', passwordFile(), '--upstream', upstream.url, '--listen', '127.0.0.1:0']
    const bin = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))
    // A pipe of the shell's, to which writes block, and not one of Node's.
    const script = '{ "$@" & echo $! >&2; wait $!; echo "ended" >&2; } | sleep 60'
    const command = [process.execPath, bin, ...args, '--drain-timeout', '0.3']
    const shell = spawn('sh', ['-c', script, 'sh', ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    })
    onTestFinished(() => void process.kill(-(shell.pid as number), 'SIGKILL'))
    let said = ''
    shell.stderr.on('data', (part: Buffer) => (said += part))
    const ask = () => said
    await until(() => /listening on .*\n/.test(said), ask)
    const line = `GET /${'x'.repeat(8000)} HTTP/1.1\r\nHost: x\r\n\r\n`
    const { socket, text } = raw(Number(/listening on \S+?:(\d+) /.exec(said)?.[1]), line.repeat(100))
    await until(() => statuses(text()).length === 100)
    socket.destroy()
    process.kill(Number(said.split('\n')[0]), 'SIGTERM')
    await until(() => said.includes('ended'), ask)
  })

  test('SIGHUP reloads the password file', async () => {
    const upstream = await startUpstream()
    const file = passwordFile()
    const gate = await startGateProcess({ upstream: upstream.url, file })
    expect((await asAlice(gate.url)).status).toBe(200)
    writeFileSync(file, record('bob', 'secret'))
    gate.process.kill('SIGHUP')
    await until(() => gate.log().some(({ message }) => /1 user/.test(String(message))), gate.output)
    expect((await asAlice(gate.url)).status).toBe(401)
    expect((await request(gate.url, { headers: { authorization: basic('bob', 'secret') } })).status).toBe(200)
  })
})

test('a user deleted from the file is rejected within a second, on an open connection', async () => {
  const upstream = await startUpstream()
  const file = passwordFile(record('alice', 'secret') + record('bob', 'secret'))
  const gate = await startGate({ upstream: upstream.url, file })
  const line = `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${ALICE}\r\n\r\n`
  const { socket, text } = raw(gate.port, line)
  await until(() => statuses(text()).length === 1)
  writeFileSync(`${file}.new`, record('bob', 'secret'))
  renameSync(`${file}.new`, file)
  await until(async () => {
    const before = statuses(text()).length
    socket.write(line)
    await until(() => statuses(text()).length > before)
    return statuses(text()).at(-1) === 401
  })
})

describe('addresses', () => {
  test('there may be several, including a Unix socket, whose peers are trusted proxies', async () => {
    const upstream = await startUpstream()
    const path = join(temporaryFolder(), 'gate.sock')
    const gate = await startGateProcess({ upstream: upstream.url, args: ['--listen', `unix:${path}`] })
    await until(() => gate.said().includes(`on unix:${path}`), gate.said)
    expect((await asAlice(gate.url)).status).toBe(200)
    const headers = { 'x-forwarded-for': '203.0.113.9' }
    expect((await asAlice('http://x/', { socketPath: path, headers })).status).toBe(200)
    expect(valuesOf(upstream.seen[1], 'x-real-ip')).toEqual(['203.0.113.9'])
    gate.process.kill('SIGTERM')
    await gate.ended
    expect(existsSync(path)).toBe(false)
  })

  test('a Unix socket left behind by a killed process is replaced', async () => {
    const upstream = await startUpstream()
    const path = join(temporaryFolder(), 'gate.sock')
    const first = await startGateProcess({ upstream: upstream.url, args: ['--listen', `unix:${path}`] })
    await until(() => first.said().includes(`on unix:${path}`), first.said)
    const second = runGate(['--file', passwordFile(), '--upstream', upstream.url, '--listen', `unix:${path}`])
    expect(await second.ended).toBe(1)
    first.process.kill('SIGKILL')
    await first.ended
    const third = await startGateProcess({ upstream: upstream.url, args: ['--listen', `unix:${path}`] })
    await until(() => third.said().includes(`on unix:${path}`), third.said)
    expect((await asAlice('http://x/', { socketPath: path })).status).toBe(200)
  })

  test('sockets passed by systemd are used', async () => {
    const upstream = await startUpstream()
    const server = createServer()
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle
    const bin = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))
    const args = [bin, '--file', passwordFile(), '--upstream', upstream.url]
    // As systemd does: LISTEN_PID names the shell's process, which becomes htgate.
    const child = spawn(
      'sh',
      ['-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"', process.execPath, ...args],
      {
        stdio: ['ignore', 'ignore', 'pipe', fd],
      },
    )
    onTestFinished(() => void child.kill('SIGKILL'))
    let said = ''
    child.stderr?.on('data', (part) => (said += part))
    await until(
      () => said.includes('systemd'),
      () => said,
    )
    server.close()
    expect((await asAlice(`http://127.0.0.1:${port}`)).status).toBe(200)
  })
})

describe('the upstream', () => {
  test('may be on a Unix socket', async () => {
    const path = join(temporaryFolder(), 'mlflow.sock')
    const server = createServer((_, response) => void response.end('by socket'))
    await once(server.listen(path), 'listening')
    onTestFinished(() => void server.close())
    const gate = await startGate({ upstream: `unix:${path}` })
    expect((await asAlice(gate.url)).body).toBe('by socket')
  })

  test('may have a path, which is prepended, and a fixed Host', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({
      upstream: `${upstream.url}/mlflow/`,
      args: ['--upstream-host', 'localhost'],
    })
    await asAlice(`${gate.url}/api?x=1`)
    expect(upstream.seen[0]?.url).toBe('/mlflow/api?x=1')
    expect(valuesOf(upstream.seen[0], 'host')).toEqual(['localhost'])
    expect(valuesOf(upstream.seen[0], 'x-forwarded-host')).toEqual([`127.0.0.1:${gate.port}`])
  })
})

describeWith(['openssl'], 'TLS', () => {
  const tlsRequest = (port: number, ca: string) =>
    new Promise<number>((resolve, reject) => {
      const options = {
        port,
        host: '127.0.0.1',
        ca: readFileSync(ca),
        agent: false,
        headers: { authorization: ALICE },
      }
      sendTls(options, (response) => {
        response.resume()
        resolve(response.statusCode as number)
      })
        .on('error', reject)
        .end()
    })

  test('the certificate is reloaded on SIGHUP; if it is invalid, the old one stays in use', async () => {
    const folder = temporaryFolder()
    const one = await certificate(folder, 'one')
    const two = await certificate(folder, 'two')
    const upstream = await startUpstream()
    const gate = await startGateProcess({
      upstream: upstream.url,
      args: ['--tls-cert', one.cert, '--tls-key', one.key],
    })
    expect(gate.said()).toMatch(/\(HTTPS\)/)
    expect(await tlsRequest(gate.port, one.cert)).toBe(200)
    expect(valuesOf(upstream.seen[0], 'x-forwarded-proto')).toEqual(['https'])

    const log = (text: RegExp) =>
      until(() => gate.log().some(({ message }) => text.test(String(message))), gate.output)
    renameSync(two.cert, one.cert)
    gate.process.kill('SIGHUP')
    await log(/does not match the certificate.*keeping the old certificate/s)
    renameSync(two.key, one.key)
    gate.process.kill('SIGHUP')
    await log(/certificate reloaded/)
    expect(await tlsRequest(gate.port, one.cert)).toBe(200)
    const socket: TLSSocket = connect({ port: gate.port, host: '127.0.0.1', rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    expect(socket.getPeerCertificate().subject.CN).toBe('two')
    socket.destroy()
  })

  test('a key that does not match the certificate: exit 1', async () => {
    const folder = temporaryFolder()
    const one = await certificate(folder, 'one')
    const two = await certificate(folder, 'two')
    const tls = ['--tls-cert', one.cert, '--tls-key', two.key]
    const { status, said } = await failedStart([...MUST, ...tls])
    expect(status).toBe(1)
    expect(said).toContain(`${two.key} does not match the certificate in ${one.cert}`)
  })

  test('an https upstream is verified with its own CA, regardless of Host', async () => {
    const { cert, key } = await certificate(temporaryFolder(), 'upstream')
    const server = createTlsServer(
      { cert: readFileSync(cert), key: readFileSync(key) },
      (_, response) => void response.end('safe'),
    )
    await once(server.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    for (const name of ['127.0.0.1', 'localhost']) {
      const gate = await startGate({
        upstream: `https://${name}:${port}`,
        args: ['--upstream-ca', cert],
      })
      expect((await asAlice(gate.url, { headers: { host: 'other.example' } })).body).toBe('safe')
    }
    const without = await startGate({ upstream: `https://127.0.0.1:${port}` })
    expect((await asAlice(without.url)).status).toBe(502)
    server.closeAllConnections()
  })

  test('a plain HTTP client is rejected, and others are served', async () => {
    const { cert, key } = await certificate(temporaryFolder(), 'one')
    const upstream = await startUpstream()
    const gate = await startGate({
      upstream: upstream.url,
      args: ['--tls-cert', cert, '--tls-key', key],
    })
    const plain = connectPlain(gate.port, '127.0.0.1')
    plain
      .on('error', () => {})
      .resume()
      .write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(plain, 'close')
    expect(await tlsRequest(gate.port, cert)).toBe(200)
  })
})

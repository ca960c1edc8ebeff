import { describe, expect, test } from 'vitest'
import {
  ALICE,
  asAlice,
  passwordFile,
  raw,
  record,
  startGate,
  startUpstream,
  statuses,
  until,
  valuesOf,
} from '../support/gate.js'
import { basic } from '../support/requests.js'

describe('what the upstream sees', () => {
  test('method, path and query unchanged, and the user', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, args: ['--app', 'none'] })
    const target = '/a%2Fb/../c//?x=1&y=%20&z'
    const { socket, text } = raw(
      gate.port,
      `PATCH ${target} HTTP/1.1\r\nHost: mlflow.example\r\nAuthorization: ${ALICE}\r\n\r\n`,
    )
    await until(() => statuses(text()).length === 1)
    socket.destroy()

    const [seen] = upstream.seen
    expect(seen).toMatchObject({ method: 'PATCH', url: target })
    expect(valuesOf(seen, 'host')).toEqual(['mlflow.example'])
    expect(valuesOf(seen, 'x-real-ip')).toEqual(['127.0.0.1'])
    expect(valuesOf(seen, 'x-forwarded-for')).toEqual(['127.0.0.1'])
    expect(valuesOf(seen, 'x-forwarded-proto')).toEqual(['http'])
    expect(valuesOf(seen, 'x-forwarded-host')).toEqual(['mlflow.example'])
    expect(valuesOf(seen, 'x-forwarded-user')).toEqual(['alice'])
  })

  test('neither the password nor hop-by-hop headers', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url })
    await asAlice(gate.url, {
      headers: {
        connection: 'keep-alive, X-Private, content-length',
        'x-private': '1',
        'keep-alive': 'timeout=5',
        'proxy-authorization': 'Basic eDp5',
        te: 'trailers, deflate',
        'x-public': '2',
      },
      method: 'POST',
      body: 'hello',
    })
    const [seen] = upstream.seen
    expect(seen?.body).toBe('hello')
    for (const name of ['authorization', 'x-private', 'keep-alive', 'proxy-authorization']) {
      expect(valuesOf(seen, name), name).toEqual([])
    }
    expect(valuesOf(seen, 'x-public')).toEqual(['2'])
    expect(valuesOf(seen, 'te')).toEqual(['trailers'])
    expect(valuesOf(seen, 'connection')).toEqual(['keep-alive'])
  })

  test.each([
    'X-Forwarded-User',
    'x_forwarded_user',
    'X-Remote-User',
    'Remote-User',
    'REMOTE_USER',
    'X_Real_IP',
    'X_Forwarded-For',
    'X_Forwarded_Proto',
    'X_Forwarded_Port',
    'Content_Type',
    'Transfer_Encoding',
    'Proxy_Authorization',
  ])('no %s from the client', async (name) => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url })
    await asAlice(gate.url, { headers: { [name]: 'eve' } })
    expect(upstream.seen[0]?.headers.filter(([, value]) => value === 'eve')).toEqual([])
    expect(valuesOf(upstream.seen[0], 'x-forwarded-user')).toEqual(['alice'])
  })

  test('the whole body, even if it looks like framing', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url })
    const headers = { Content_Length: '0', Transfer_Encoding: 'gzip' }
    const { status } = await asAlice(gate.url, { method: 'POST', body: 'hello', headers })
    expect(status).toBe(200)
    expect(upstream.seen[0]?.body).toBe('hello')
    expect(valuesOf(upstream.seen[0], 'content_length')).toEqual([])
  })

  test('repeated headers separately, both ways, in order and byte for byte', async () => {
    const upstream = await startUpstream((_, response) =>
      response.writeHead(200, ['Set-Cookie', 'a=1', 'X-A', '\u00e9', 'Set-Cookie', 'b=2']).end(),
    )
    const gate = await startGate({ upstream: upstream.url })
    const answer = await asAlice(gate.url)
    expect(answer.rawHeaders.slice(0, 3)).toEqual([
      ['set-cookie', 'a=1'],
      ['x-a', '\u00e9'],
      ['set-cookie', 'b=2'],
    ])

    const plain = await startUpstream()
    const other = await startGate({ upstream: plain.url })
    await asAlice(other.url, { headers: { 'X-Tag': ['one', 'two'] } })
    expect(valuesOf(plain.seen[0], 'x-tag')).toEqual(['one', 'two'])
  })

  test("a user's name in any script, as UTF-8", async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, file: passwordFile(record('Zoë 山', 'secret')) })
    await asAlice(gate.url, { headers: { authorization: basic('Zoë 山', 'secret') } })
    const [user = ''] = valuesOf(upstream.seen[0], 'x-forwarded-user')
    expect(Buffer.from(user, 'latin1').toString()).toBe('Zoë 山')
  })

  test('the host of an absolute target, and its path', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, args: ['--app', 'none'] })
    const { text } = raw(
      gate.port,
      `GET http://real.example/path?q HTTP/1.1\r\nHost: other.example\r\nAuthorization: ${ALICE}\r\n\r\n`,
    )
    await until(() => statuses(text()).length === 1)
    expect(upstream.seen[0]?.url).toBe('/path?q')
    expect(valuesOf(upstream.seen[0], 'host')).toEqual(['real.example'])
  })
})

describe('the client’s X-Forwarded-* headers', () => {
  const claims = {
    'X-Forwarded-For': '203.0.113.9, 198.51.100.7',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'public.example',
  }

  test('are not trusted', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url })
    await asAlice(gate.url, { headers: claims })
    const [seen] = upstream.seen
    expect(valuesOf(seen, 'x-real-ip')).toEqual(['127.0.0.1'])
    expect(valuesOf(seen, 'x-forwarded-for')).toEqual(['203.0.113.9, 198.51.100.7, 127.0.0.1'])
    expect(valuesOf(seen, 'x-forwarded-proto')).toEqual(['http'])
    expect(valuesOf(seen, 'x-forwarded-host')).toEqual([`127.0.0.1:${gate.port}`])
  })

  test('are trusted from a trusted proxy: the client is the nearest address that is not a trusted proxy’s', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({
      upstream: upstream.url,
      args: ['--trust-proxy', 'loopback,198.51.100.0/24'],
    })
    await asAlice(gate.url, { headers: claims })
    const [seen] = upstream.seen
    expect(valuesOf(seen, 'x-real-ip')).toEqual(['203.0.113.9'])
    expect(valuesOf(seen, 'x-forwarded-for')).toEqual(['203.0.113.9, 198.51.100.7, 127.0.0.1'])
    expect(valuesOf(seen, 'x-forwarded-proto')).toEqual(['https'])
    expect(valuesOf(seen, 'x-forwarded-host')).toEqual(['public.example'])
    await until(() => gate.log().some(({ client }) => client === '203.0.113.9'), gate.output)
  })

  test('are trusted only under their exact names, since a trusted proxy may pass on other spellings from its client', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, args: ['--trust-proxy', 'loopback'] })
    const forged = { X_Forwarded_For: '6.6.6.6', X_Forwarded_Proto: 'ftp', X_Forwarded_Host: 'evil.example' }
    await asAlice(gate.url, { headers: { ...claims, ...forged } })
    const [seen] = upstream.seen
    expect(valuesOf(seen, 'x-real-ip')).toEqual(['198.51.100.7'])
    expect(valuesOf(seen, 'x-forwarded-host')).toEqual(['public.example'])
    expect(valuesOf(seen, 'x-forwarded-proto')).toEqual(['https'])
    expect(seen?.headers.filter(([name]) => name.includes('_'))).toEqual([])
  })
})

import { describe, expect, test, vi } from 'vitest'
import { createPasswordFileProvider } from '../../src/auth/providers/password-file/provider.js'
import {
  passwordFile,
  raw,
  record,
  request,
  startUpstream,
  statuses,
  until,
  valuesOf,
} from '../support/gate.js'
import { openGate } from '../support/gate-in-process.js'
import { basic } from '../support/requests.js'
import { type Row, TableProvider } from '../support/table-provider.js'
import { openWebSocket, startWebSocketServer } from '../support/websocket.js'

// A provider that the gate knows nothing about. Everything works with it as with the password file.

/** Milliseconds until an open connection ends: one second on a quiet machine. */
const SOON = 20_000

const ANN: Row = { password: 'secret', groups: ['staff', 'a,b'] }
const table = (rows: Record<string, Row> = { ann: ANN }) => new TableProvider(new Map(Object.entries(rows)))
const headers = (user: string, password: string) => ({ headers: { authorization: basic(user, password) } })

const openFile = (content: string) =>
  createPasswordFileProvider({ file: passwordFile(content), workers: 1, cacheSize: 100, cacheTtl: 60_000 })

describe('alone', () => {
  test('its users can log in, the upstream gets their groups, and each credential is verified once', async () => {
    const provider = table()
    const verify = vi.spyOn(provider, 'verify')
    const upstream = await startUpstream()
    const gate = await openGate({ providers: [provider], upstream: upstream.url })
    expect((await request(gate.url, headers('ann', 'wrong'))).status).toBe(401)
    for (let i = 0; i < 3; i++) expect((await request(gate.url, headers('ann', 'secret'))).status).toBe(200)
    expect(verify).toHaveBeenCalledTimes(2)
    expect(valuesOf(upstream.seen[0], 'x-forwarded-user')).toEqual(['ann'])
    expect(valuesOf(upstream.seen[0], 'x-forwarded-groups')).toEqual(['staff,a%2Cb'])
  })

  test('its failed logins are limited', async () => {
    const upstream = await startUpstream()
    const gate = await openGate({ providers: [table()], upstream: upstream.url, failures: 2 })
    const answers = []
    for (const guess of ['one', 'two', 'three'])
      answers.push((await request(gate.url, headers('ann', guess))).status)
    expect(answers).toEqual([401, 401, 429])
  })

  test('metrics and log have its name and the reason for each refusal', async () => {
    const upstream = await startUpstream()
    const gate = await openGate({ providers: [table()], upstream: upstream.url, failures: 1 })
    await request(gate.url, headers('ann', 'secret'))
    await request(gate.url, headers('ann', 'secret'))
    await request(gate.url)
    await request(gate.url, headers('eve', 'guess'))
    await request(gate.url, headers('eve', 'guess again'))
    await until(() => gate.log().length === 5)
    expect(gate.log().map(({ user, provider, reason, status }) => [user, provider, reason, status])).toEqual([
      ['ann', 'table', null, 200],
      ['ann', 'table', null, 200],
      [null, null, 'no-credentials', 401],
      ['eve', null, 'denied', 401],
      ['eve', null, 'limited', 429],
    ])
    const metrics = gate.metrics()
    for (const line of [
      'htgate_logins_total{result="remembered"} 1',
      'htgate_logins_total{result="verified"} 1',
      'htgate_logins_total{result="denied"} 1',
      'htgate_logins_total{result="limited"} 1',
      'htgate_logins_total{result="no_credentials"} 1',
      'htgate_provider_logins_total{provider="table",result="verified"} 1',
      'htgate_provider_logins_total{provider="table",result="unknown"} 1',
      'htgate_requests_total{status="429"} 1',
      'htgate_refusals_total{reason="limited"} 1',
    ]) {
      expect(metrics).toContain(`${line}\n`)
    }
  })

  test('requests on one connection are counted individually', async () => {
    const upstream = await startUpstream()
    const gate = await openGate({ providers: [table()], upstream: upstream.url })
    const { text } = raw(
      gate.port,
      `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic('ann', 'secret')}\r\n\r\n`.repeat(10),
    )
    await until(() => statuses(text()).length === 10)
    expect(gate.metrics()).toContain('htgate_logins_total{result="remembered"} 9\n')
    expect(gate.metrics()).toContain('htgate_provider_logins_total{provider="table",result="remembered"} 9\n')
  })

  test('its users can log in with forward-auth', async () => {
    const gate = await openGate({ providers: [table()] })
    const { status, headers: answer } = await request(gate.url, headers('ann', 'secret'))
    expect([status, answer['x-forwarded-user'], answer['x-forwarded-groups']]).toEqual([
      200,
      'ann',
      'staff,a%2Cb',
    ])
    expect((await request(gate.url, headers('ann', 'wrong'))).status).toBe(401)
  })
})

describe('in a chain with a password file', () => {
  test.each(['first', 'last'])(
    '%s: users of both can log in, each at the provider that knows the name',
    async (place) => {
      const file = await openFile(record('bob', 'secret'))
      const providers = place === 'first' ? [table(), file] : [file, table()]
      const upstream = await startUpstream()
      const gate = await openGate({ providers, upstream: upstream.url })
      for (const user of ['ann', 'bob']) {
        expect((await request(gate.url, headers(user, 'secret'))).status).toBe(200)
        expect((await request(gate.url, headers(user, 'wrong'))).status).toBe(401)
      }
      expect((await request(gate.url, headers('eve', 'secret'))).status).toBe(401)
      await until(() => gate.log().length === 5)
      expect(gate.log().map(({ provider }) => provider)).toEqual(['table', null, 'file', null, null])
    },
  )
})

describe('open connections end within a second', () => {
  const end = async (rows: Record<string, Row>, change: (provider: TableProvider) => void, grants = {}) => {
    const provider = table(rows)
    const upstream = await startWebSocketServer()
    const gate = await openGate({ providers: [provider], upstream: upstream.url, ...grants })
    const socket = await openWebSocket(gate.port, basic('ann', 'secret'))
    const stream = raw(
      gate.port,
      `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic('ann', 'secret')}\r\n\r\n`,
    )
    await until(() => stream.text().includes('data: 1'))
    const started = performance.now()
    change(provider)
    await Promise.all([socket.closed, stream.closed])
    return { gate, socket, stream, upstream, ms: performance.now() - started }
  }

  test.each<[string, (provider: TableProvider) => void]>([
    ['the user is deleted', (provider) => provider.rows.delete('ann')],
    ['the password changes', (provider) => provider.rows.set('ann', { password: 'other' })],
  ])('when %s: the WebSocket with 1008, the event stream without its end', async (_, change) => {
    const { gate, socket, stream, upstream, ms } = await end({ ann: ANN }, (provider) => {
      change(provider)
      provider.changed()
    })
    expect(ms).toBeLessThan(SOON)
    expect([...socket.frames().subarray(0, 4)]).toEqual([0x88, 15, 1008 >> 8, 1008 & 0xff])
    expect(stream.text()).not.toMatch(/0\r\n\r\n$/)
    await until(() => upstream.sockets.every(({ destroyed }) => destroyed))
    await until(() => gate.log().length === 2)
    expect(gate.log().map(({ reason }) => reason)).toEqual(['revoked', 'revoked'])
    expect(gate.metrics()).toContain('htgate_refusals_total{reason="revoked"} 2\n')
  })

  test('when the principal loses its role', async () => {
    const grants = { readers: ['group:staff'], writers: ['group:staff'] }
    const { gate, ms } = await end(
      { ann: ANN },
      (provider) => {
        provider.rows.set('ann', { password: 'secret', groups: ['guests'] })
        provider.changed()
      },
      grants,
    )
    expect(ms).toBeLessThan(SOON)
    await until(() => gate.log().length === 2)
    expect(gate.log().map(({ reason }) => reason)).toEqual(['role', 'role'])
  })

  test('when the login expires', async () => {
    const expiresAt = Date.now() + 1500
    const { gate } = await end({ ann: { ...ANN, expiresAt } }, () => {})
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt)
    expect(Date.now()).toBeLessThan(expiresAt + SOON)
    await until(() => gate.log().length === 2)
    expect(gate.log().map(({ reason }) => reason)).toEqual(['expired', 'expired'])
  })

  test('while others stay open', async () => {
    const provider = table({ ann: ANN, bob: ANN })
    const upstream = await startWebSocketServer()
    const gate = await openGate({ providers: [provider], upstream: upstream.url })
    const ann = await openWebSocket(gate.port, basic('ann', 'secret'))
    const bob = await openWebSocket(gate.port, basic('bob', 'secret'))
    provider.rows.delete('ann')
    provider.changed()
    await ann.closed
    upstream.sockets[1]?.write(Buffer.from([0x81, 2, 0x68, 0x69]))
    await until(() => bob.frames().length === 4)
    expect(bob.socket.destroyed).toBe(false)
  })

  test('a request still waiting for its response gets 401', async () => {
    const provider = table()
    const upstream = await startUpstream(() => {})
    const gate = await openGate({ providers: [provider], upstream: upstream.url })
    const answer = request(gate.url, headers('ann', 'secret'))
    await until(() => upstream.heads() === 1)
    provider.rows.delete('ann')
    provider.changed()
    expect((await answer).status).toBe(401)
  })
})

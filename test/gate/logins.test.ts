import { describe, expect, test } from 'vitest'
import {
  asAlice,
  type Gate,
  passwordFile,
  record,
  request,
  startGate,
  startGateProcess,
  startUpstream,
  until,
} from '../support/gate.js'
import { basic } from '../support/requests.js'
import { freePort } from '../support/servers.js'

const as = (gate: Gate, user: string, password: string, headers: Record<string, string> = {}) =>
  request(gate.url, { headers: { authorization: basic(user, password), ...headers } })

/** A separate client behind a trusted proxy. */
const from = (address: string) => ({ 'x-forwarded-for': address })

const TRUST = ['--trust-proxy', 'loopback']

describe('failed logins', () => {
  test('are delayed, then get 429 with Retry-After', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, args: ['--login-failures', '5'] })
    const statuses: number[] = []
    const times: number[] = []
    for (let i = 0; i < 6; i++) {
      const started = performance.now()
      statuses.push((await as(gate, 'alice', `guess ${i}`)).status)
      times.push(performance.now() - started)
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
    expect(times[4]).toBeGreaterThan(400)

    const { status, headers, body } = await as(gate, 'alice', 'secret')
    expect(status).toBe(429)
    expect(Number(headers['retry-after'])).toBeGreaterThan(200)
    expect(JSON.parse(body)).toMatchObject({ error_code: 'REQUEST_LIMIT_EXCEEDED' })
    await until(() =>
      gate.log().some(({ message, user }) => /5 failed logins/.test(String(message)) && user === 'alice'),
    )
    expect(gate.output()).not.toContain('guess')
  })

  test('lock out no other address, no other user, and no user who is logged in', async () => {
    const upstream = await startUpstream()
    const file = passwordFile(record('alice', 'secret') + record('bob', 'secret'))
    const gate = await startGate({ upstream: upstream.url, file, args: ['--login-failures', '3', ...TRUST] })
    expect((await as(gate, 'alice', 'secret', from('192.0.2.1'))).status).toBe(200)
    for (let i = 0; i < 4; i++) await as(gate, 'alice', `guess ${i}`, from('192.0.2.1'))
    expect((await as(gate, 'alice', 'guess', from('192.0.2.1'))).status).toBe(429)

    expect((await as(gate, 'alice', 'secret', from('192.0.2.1'))).status).toBe(200)
    expect((await as(gate, 'alice', 'secret', from('192.0.2.2'))).status).toBe(200)
    expect((await as(gate, 'bob', 'secret', from('192.0.2.1'))).status).toBe(200)
  })

  test('do not lock out users who logged in before, even once the password is no longer cached', async () => {
    const upstream = await startUpstream()
    const args = ['--cache-size', '0', '--login-failures', '2']
    const gate = await startGate({ upstream: upstream.url, args })
    expect((await as(gate, 'alice', 'secret')).status).toBe(200)
    for (const guess of ['one', 'two', 'three']) await as(gate, 'alice', guess)
    expect((await as(gate, 'alice', 'four')).status).toBe(429)
    expect((await as(gate, 'alice', 'secret')).status).toBe(200)
    expect((await as(gate, 'alice', 'five')).status).toBe(429)
  })

  test('count for all addresses of an IPv6 network', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, args: ['--login-failures', '2', ...TRUST] })
    await as(gate, 'alice', 'one', from('2001:db8::1'))
    await as(gate, 'alice', 'two', from('2001:db8:0:0:ffff::2'))
    expect((await as(gate, 'alice', 'three', from('2001:db8::3'))).status).toBe(429)
    expect((await as(gate, 'alice', 'secret', from('2001:db8:0:1::1'))).status).toBe(200)
  })

  test('that arrive at the same time do not slip through', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, args: ['--login-failures', '5'] })
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => as(gate, 'alice', `guess ${i}`)))
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(15)
  })

  test('that are all the same count once', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, args: ['--login-failures', '5'] })
    const answers = await Promise.all(Array.from({ length: 20 }, () => as(gate, 'alice', 'old password')))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(401))
    expect((await as(gate, 'alice', 'secret')).status).toBe(200)
  })

  test('are reset by the right password', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({
      upstream: upstream.url,
      args: ['--login-failures', '3', '--cache-size', '0'],
    })
    for (let i = 0; i < 3; i++) {
      await as(gate, 'alice', 'typo')
      await as(gate, 'alice', 'tpyo')
      expect((await as(gate, 'alice', 'secret')).status).toBe(200)
    }
  })
})

describe.each([
  ['one user', () => 'alice'],
  ['unknown users', (i: number) => `user ${i}`],
])('a flood of wrong passwords for %s, from 64 connections', (_, name) => {
  test('delays neither cached users nor new ones', { timeout: 120_000 }, async () => {
    const upstream = await startUpstream()
    const file = passwordFile(record('alice', 'secret', 10) + record('bob', 'secret', 10))
    const admin = await freePort()
    const gate = await startGateProcess({
      upstream: upstream.url,
      file,
      args: ['--admin', `127.0.0.1:${admin}`],
    })
    expect((await asAlice(gate.url)).status).toBe(200)
    const hashes = async () => {
      const { body } = await request(`http://127.0.0.1:${admin}/metrics`)
      return Number(/^htgate_hashes_total\{provider="file"\} (\d+)$/m.exec(body)?.[1])
    }

    let over = false
    let guesses = 0
    const flood = Array.from({ length: 64 }, async () => {
      while (!over) await as(gate, name(guesses), `guess ${guesses++}`).catch(() => {})
    })
    await until(() => guesses >= 64)

    // Time is counted in hashes: on a busy machine everything takes longer. bench/gate/flood.js has the milliseconds.
    const started = await hashes()
    expect((await as(gate, 'bob', 'secret')).status).toBe(200)
    expect((await hashes()) - started).toBeLessThan(16)

    const before = await hashes()
    for (let i = 0; i < 100; i++) expect((await asAlice(gate.url)).status).toBe(200)
    expect((await hashes()) - before).toBeLessThan(100)

    over = true
    gate.process.kill('SIGKILL')
    await Promise.all(flood)
  })
})

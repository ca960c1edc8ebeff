import { describe, expect, onTestFinished, test } from 'vitest'
import type { AuthEvent } from '../../src/auth/events.js'
import {
  LoginLimiter,
  type LoginLimiterOptions,
  type LoginRecord,
  networkOf,
} from '../../src/auth/login-limiter.js'

const MINUTE = 60_000

function limiterOf(options: LoginLimiterOptions = {}) {
  const clock = { now: 0 }
  const events: AuthEvent[] = []
  const records: LoginRecord[] = []
  const limiter = new LoginLimiter({
    clock: () => clock.now,
    onEvent: (event) => events.push(event),
    onRecord: (record) => records.push(record),
    ...options,
  })
  onTestFinished(() => limiter.close())
  return { limiter, clock, events, records }
}

const attemptOf = (limiter: LoginLimiter, password: string, user = 'ann', client = '192.0.2.1') =>
  limiter.attempt(client, user, Buffer.from(password))

/** A user without failures, who is only limited by those of the client. */
const of = (client: string) => ({ client, user: 'eve' })

/** Logs in, unless the limiter rejects the attempt. */
function login(
  limiter: LoginLimiter,
  isRight: boolean,
  password: string,
  user?: string,
  client?: string,
): string {
  const attempt = attemptOf(limiter, password, user, client)
  if (limiter.limited(attempt) !== undefined) return 'limited'
  limiter.begin(attempt)
  if (isRight) limiter.succeed(attempt)
  else limiter.fail(attempt)
  return isRight ? 'ok' : 'denied'
}

const fail = (limiter: LoginLimiter, times: number, user?: string, client?: string) =>
  Array.from({ length: times }, (_, i) => login(limiter, false, `guess ${i}`, user, client))

describe('the limit', () => {
  test('applies to one user from one client', () => {
    const { limiter } = limiterOf({ failures: 3 })
    expect(fail(limiter, 5)).toEqual(['denied', 'denied', 'denied', 'limited', 'limited'])
    expect(login(limiter, true, 'secret')).toBe('limited')
    expect(login(limiter, true, 'secret', 'bob')).toBe('ok')
    expect(login(limiter, true, 'secret', 'ann', '192.0.2.2')).toBe('ok')
  })

  test('reports when it ends, five minutes after the first failure', () => {
    const { limiter, clock } = limiterOf({ failures: 2 })
    login(limiter, false, 'one')
    clock.now += MINUTE
    login(limiter, false, 'two')
    expect(limiter.limited(attemptOf(limiter, 'three'))).toBe(240)
    clock.now += 4 * MINUTE
    expect(login(limiter, true, 'secret')).toBe('ok')
  })

  test('is off at 0', () => {
    const { limiter, events } = limiterOf({ failures: 0 })
    expect(new Set(fail(limiter, 50))).toEqual(new Set(['denied']))
    expect(events).toEqual([])
    expect(limiter.delayOf(of('192.0.2.1'))).toBe(10_000)
  })

  test('spares users who logged in there before, without forgetting others’ failures', () => {
    const { limiter } = limiterOf({ failures: 2 })
    expect(login(limiter, true, 'secret')).toBe('ok')
    fail(limiter, 2)
    for (let i = 0; i < 3; i++) expect(login(limiter, true, 'secret')).toBe('ok')
    expect(login(limiter, false, 'guess')).toBe('limited')
  })

  test('no longer spares a password that has been changed', () => {
    const { limiter } = limiterOf({ failures: 2 })
    login(limiter, true, 'old')
    fail(limiter, 2)
    expect(login(limiter, false, 'old')).toBe('denied')
    expect(login(limiter, false, 'old')).toBe('limited')
  })

  test('is reset by the right password', () => {
    const { limiter } = limiterOf({ failures: 3 })
    fail(limiter, 2)
    expect(login(limiter, true, 'secret')).toBe('ok')
    expect(fail(limiter, 2)).toEqual(['denied', 'denied'])
  })

  test('counts a wrong password once, so that a forgotten script locks out no user', () => {
    const { limiter, clock } = limiterOf({ failures: 3 })
    for (let i = 0; i < 100; i++, clock.now += 1000)
      expect(login(limiter, false, 'last year’s')).toBe('denied')
    expect(login(limiter, true, 'secret')).toBe('ok')
  })

  test('lets one password through every 30 seconds, so the right one succeeds among others’ guesses', () => {
    const { limiter, clock } = limiterOf({ failures: 10 })
    fail(limiter, 10)
    clock.now += 29_999
    expect(login(limiter, true, 'secret')).toBe('limited')
    clock.now += 1
    expect(login(limiter, true, 'secret')).toBe('ok')
  })

  test('lets through no more than one in 30 seconds, however many clients guess', () => {
    const { limiter, clock } = limiterOf({ failures: 10 })
    let verified = 0
    for (let i = 0; i < 2999; i++, clock.now += 100)
      if (login(limiter, false, `${i}`) === 'denied') verified++
    expect(verified).toBeLessThanOrEqual(20)
    expect(verified).toBeGreaterThan(15)
  })

  test('is reported once, without the password', () => {
    const { limiter, events } = limiterOf({ failures: 2 })
    fail(limiter, 5)
    expect(events).toEqual([
      {
        type: 'client-limited',
        level: 'warn',
        message: expect.stringMatching(/^2 failed logins/),
        client: '192.0.2.1',
        user: 'ann',
      },
    ])
  })
})

describe('responses', () => {
  test('are delayed from the fourth failure on, by up to ten seconds, for any user', () => {
    const { limiter, clock } = limiterOf()
    const delays: number[] = []
    for (let i = 0; i < 60; i++) {
      login(limiter, false, 'guess', `user ${i}`)
      delays.push(limiter.delayOf(of('192.0.2.1')))
    }
    expect(delays.slice(0, 6)).toEqual([0, 0, 0, 250, 500, 750])
    expect(delays.at(-1)).toBe(10_000)
    expect(limiter.delayOf(of('192.0.2.2'))).toBe(0)
    clock.now += 5 * MINUTE
    expect(limiter.delayOf(of('192.0.2.1'))).toBe(0)
  })

  test('are delayed while the attempts before them are still being verified', () => {
    const { limiter } = limiterOf()
    for (let i = 0; i < 10; i++) limiter.begin(attemptOf(limiter, `guess ${i}`))
    const next = attemptOf(limiter, 'guess 10')
    expect(limiter.limited(next)).toBe(300)
    expect(limiter.delayOf(next)).toBe(1750)
    expect(limiter.delayOf(of('192.0.2.1'))).toBe(0)
  })

  test('that are limited are always delayed', () => {
    const { limiter } = limiterOf({ failures: 1 })
    limiter.begin(attemptOf(limiter, 'guess'))
    expect(limiter.delayOf(attemptOf(limiter, 'another'))).toBe(250)
  })

  test('are not delayed for a client that has disconnected', async () => {
    const { limiter } = limiterOf()
    fail(limiter, 8)
    const gone = new AbortController()
    const delay = limiter.delay(attemptOf(limiter, 'guess'), gone.signal)
    expect(limiter.delayed).toBe(1)
    gone.abort()
    await delay
    expect(limiter.delayed).toBe(0)
  })
})

describe('several processes', () => {
  test('share failures and successful logins', () => {
    const key = Buffer.alloc(32, 1)
    const one = limiterOf({ failures: 2, key })
    const two = limiterOf({ failures: 2, key })
    const exchange = () => {
      for (const record of one.records.splice(0)) two.limiter.receive(JSON.parse(JSON.stringify(record)))
    }
    login(one.limiter, true, 'secret', 'bob')
    fail(one.limiter, 2, 'ann')
    fail(one.limiter, 2, 'bob')
    exchange()
    expect(login(two.limiter, true, 'secret', 'ann')).toBe('limited')
    expect(login(two.limiter, true, 'secret', 'bob')).toBe('ok')
    expect(login(two.limiter, false, 'guess', 'bob')).toBe('limited')
    expect(two.limiter.delayOf(of('192.0.2.1'))).toBe(250)
  })

  test('count a wrong password once, whichever of them receives it', () => {
    const key = Buffer.alloc(32, 1)
    const one = limiterOf({ failures: 2, key })
    const two = limiterOf({ failures: 2, key })
    for (let i = 0; i < 10; i++) {
      login((i % 2 ? one : two).limiter, false, 'old')
      for (const record of one.records.splice(0)) two.limiter.receive(record)
      for (const record of two.records.splice(0)) one.limiter.receive(record)
    }
    expect(login(one.limiter, true, 'secret')).toBe('ok')
  })

  test('share neither passwords nor anything that helps to guess them', () => {
    const { limiter, records } = limiterOf()
    login(limiter, false, 'a wrong one')
    expect(records).toEqual([
      { kind: 'failure', client: '192.0.2.1', user: 'ann', id: expect.stringMatching(/^.{43}=$/) },
    ])
    expect(attemptOf(limiterOf().limiter, 'a wrong one').id).not.toBe(records[0]?.id)
  })
})

test('closing ends the delays', async () => {
  const { limiter } = limiterOf()
  for (let i = 0; i < 60; i++) login(limiter, false, 'guess', `user ${i}`)
  const attempt = attemptOf(limiter, 'guess')
  expect(limiter.delayOf(attempt)).toBe(10_000)
  const start = performance.now()
  const delay = limiter.delay(attempt)
  expect(limiter.delayed).toBe(1)
  limiter.close()
  await delay
  expect(limiter.delayed).toBe(0)
  expect(performance.now() - start).toBeLessThan(5000)
})

test('a flood of names and passwords uses bounded memory, and stays fast when it is full', () => {
  const { limiter } = limiterOf({ failures: 1 })
  const names = (from: number) => {
    const start = process.cpuUsage()
    for (let i = from; i < from + 20_000; i++)
      login(limiter, false, `${i}`, `user ${i}`, `198.51.100.${i % 256}`)
    return process.cpuUsage(start).user
  }
  const before = names(0)
  for (let i = 1; i < 10; i++) names(i * 20_000)
  expect(names(200_000)).toBeLessThan(10 * before)
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:DB8:0000:0001:ffff::2', '2001:db8:0:1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['unix:', 'unix:'],
])('failures of %s count for %s', (address, expected) => {
  expect(networkOf(address)).toBe(expected)
})

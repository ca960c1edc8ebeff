import { describe, expect, onTestFinished, test } from 'vitest'
import { sumCounters } from '../../src/auth/counters.js'
import type { BasicCredential, Credential } from '../../src/auth/credential.js'
import { LoginLimiter, type LoginLimiterOptions } from '../../src/auth/login-limiter.js'
import { LoginPipeline, type LoginPipelineOptions } from '../../src/auth/login-pipeline.js'
import type { Provider, Verdict } from '../../src/auth/provider.js'
import { TableProvider } from '../support/table-provider.js'

const ADDRESS = '192.0.2.1'

const basic = (name: string, password: string): BasicCredential => ({
  kind: 'basic',
  name,
  user: Buffer.from(name),
  password: Buffer.from(password),
})
const tableOf = (users: Record<string, string>, name = 'table') =>
  new TableProvider(new Map(Object.entries(users).map(([user, password]) => [user, { password }])), name)

function pipelineOf(
  providers: readonly Provider[],
  options: Partial<LoginPipelineOptions> = {},
): LoginPipeline {
  const pipeline = new LoginPipeline({ providers, ...options })
  onTestFinished(() => pipeline.close())
  return pipeline
}

function limitedPipeline(providers: readonly Provider[], options: LoginLimiterOptions = {}): LoginPipeline {
  return pipelineOf(providers, { limiter: new LoginLimiter(options) })
}

/** A table whose verdicts the test releases. */
class SlowTable extends TableProvider {
  /** The requests so far, in order. */
  readonly asked: { name: string; signal: AbortSignal | undefined; answer: () => void }[] = []

  override async verify(credential: Credential, _?: string, signal?: AbortSignal): Promise<Verdict> {
    const { name } = credential as BasicCredential
    await new Promise<void>((answer) => this.asked.push({ name, signal, answer }))
    return super.verify(credential)
  }

  get names(): string[] {
    return this.asked.map(({ name }) => name)
  }

  answerAll(): void {
    for (const { answer } of this.asked) answer()
  }
}
const slowTableOf = (users: Record<string, string>, name = 'slow') =>
  new SlowTable(new Map(Object.entries(users).map(([user, password]) => [user, { password }])), name)

/** The behavior of an unusable provider. */
class BrokenTable extends TableProvider {
  constructor(readonly result: () => Promise<Verdict>) {
    super(new Map(), 'broken')
  }
  override verify = () => this.result()
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('a login', () => {
  test('cached by a provider succeeds synchronously', async () => {
    const subject = pipelineOf([tableOf({ ann: 'secret' })])
    expect(subject.remembered(basic('ann', 'secret'))).toBeUndefined()
    const granted = { ok: true, principal: { name: 'ann', provider: 'table', groups: [] } }
    expect(await subject.login(basic('ann', 'secret'), ADDRESS)).toEqual(granted)
    expect(subject.login(basic('ann', 'secret'), ADDRESS)).toEqual(granted)
    expect(subject.remembered(basic('ann', 'secret'))).toEqual(granted)
  })

  test('with an empty password is denied without asking a provider', async () => {
    const slow = slowTableOf({ ann: '' })
    const subject = pipelineOf([slow])
    expect(subject.login(basic('ann', ''), ADDRESS)).toEqual({
      ok: false,
      reason: 'denied',
      candidate: 'ann',
    })
    expect(slow.asked).toEqual([])
  })

  test('of a kind that no provider accepts is denied', () => {
    const subject = pipelineOf([tableOf({})])
    expect(subject.login({ kind: 'bearer', token: 'x' }, ADDRESS)).toEqual({
      ok: false,
      reason: 'no-credentials',
    })
  })

  test('of an unknown user and one with a wrong password get the same verdict', async () => {
    const subject = pipelineOf([tableOf({ ann: 'secret' })])
    for (const name of ['ann', 'eve']) {
      expect(await subject.login(basic(name, 'x'), ADDRESS)).toEqual({
        ok: false,
        reason: 'denied',
        candidate: name,
      })
    }
  })

  test('that has already expired is denied; a valid one ends when it expires', async () => {
    const now = Date.now()
    const rows = new Map([
      ['ann', { password: 'secret', expiresAt: now - 1 }],
      ['bob', { password: 'secret', expiresAt: now + 60_000 }],
    ])
    const subject = pipelineOf([new TableProvider(rows)])
    expect(await subject.login(basic('ann', 'secret'), ADDRESS)).toMatchObject({ reason: 'denied' })
    const verdict = await subject.login(basic('bob', 'secret'), ADDRESS)
    expect(verdict).toMatchObject({ ok: true, principal: { expiresAt: now + 60_000 } })
    rows.set('bob', { password: 'secret', expiresAt: now - 1 })
    expect(subject.remembered(basic('bob', 'secret'))).toBeUndefined()
  })

  test.each([
    ['rejects', () => Promise.reject(new Error('bug'))],
    [
      'throws',
      () => {
        throw new Error('bug')
      },
    ],
  ])(
    'of a provider that %s, which breaks its contract, is unavailable, and the next one is tried',
    async (_, fail) => {
      const subject = pipelineOf([new BrokenTable(fail)])
      for (let i = 0; i < 5; i++) {
        expect(await subject.login(basic('ann', `${i}`), ADDRESS)).toMatchObject({ reason: 'unavailable' })
      }
    },
  )
})

describe('concurrent equal logins', () => {
  test('share one verdict, whatever their addresses', async () => {
    const slow = slowTableOf({ ann: 'secret' })
    const subject = pipelineOf([slow])
    const logins = [1, 2, 3, 4].map((i) => subject.login(basic('ann', 'secret'), `192.0.2.${i}`))
    slow.answerAll()
    expect((await Promise.all(logins)).every(({ ok }) => ok)).toBe(true)
    expect(slow.names).toEqual(['ann'])
    expect(subject.counters()).toMatchObject({ results: { verified: 4 }, asked: 4 })
  })

  test('abort their work only once all waiting clients have disconnected', async () => {
    const slow = slowTableOf({ ann: 'secret' })
    const subject = pipelineOf([slow])
    const gone = [new AbortController(), new AbortController()]
    const logins = gone.map(({ signal }) => subject.login(basic('ann', 'secret'), ADDRESS, signal))
    gone[0]?.abort()
    expect(slow.asked[0]?.signal?.aborted).toBe(false)
    gone[1]?.abort()
    expect(slow.asked[0]?.signal?.aborted).toBe(true)
    const another = subject.login(basic('ann', 'secret'), ADDRESS)
    expect(slow.names).toEqual(['ann', 'ann'])
    slow.answerAll()
    await Promise.all(logins)
    expect(await another).toMatchObject({ ok: true })
  })

  test('still queued when their clients disconnect never reach the provider', async () => {
    const slow = slowTableOf({})
    const subject = pipelineOf([slow])
    const gone = new AbortController()
    const first = ['a', 'b'].map((name) => subject.login(basic(name, 'x'), ADDRESS))
    const waiting = subject.login(basic('c', 'x'), ADDRESS, gone.signal)
    expect(subject.counters().providers.slow?.waiting).toBe(1)
    gone.abort()
    expect(await waiting).toMatchObject({ reason: 'busy' })
    expect(subject.counters().providers.slow?.waiting).toBe(0)
    slow.answerAll()
    await Promise.all(first)
    expect(slow.names).toEqual(['a', 'b'])
  })
})

describe('several providers', () => {
  test('are tried in order; a name known to one is not tried with the next', async () => {
    const subject = pipelineOf([
      tableOf({ ann: 'one' }, 'first'),
      tableOf({ ann: 'two', bob: 'two' }, 'second'),
    ])
    expect(await subject.login(basic('ann', 'one'), ADDRESS)).toMatchObject({
      principal: { provider: 'first' },
    })
    expect(await subject.login(basic('bob', 'two'), ADDRESS)).toMatchObject({
      principal: { provider: 'second' },
    })
    expect(await subject.login(basic('ann', 'two'), ADDRESS)).toMatchObject({ ok: false, reason: 'denied' })
    expect(subject.login(basic('bob', 'two'), ADDRESS)).toMatchObject({ principal: { provider: 'second' } })
  })

  test('cannot deny a login while one that may know the name is unreachable', async () => {
    const unavailable: Verdict = { ok: false, reason: 'unavailable' }
    const subject = pipelineOf([new BrokenTable(async () => unavailable), tableOf({ bob: 'two' })])
    expect(await subject.login(basic('bob', 'two'), ADDRESS)).toEqual({ ...unavailable, candidate: 'bob' })
  })

  test('drop a cached login once an earlier one knows the name', async () => {
    const first = tableOf({}, 'first')
    const subject = pipelineOf([first, tableOf({ ann: 'two' }, 'second')])
    await subject.login(basic('ann', 'two'), ADDRESS)
    expect(subject.remembered(basic('ann', 'two'))).toMatchObject({ ok: true })
    first.rows.set('ann', { password: 'one' })
    first.changed()
    expect(subject.remembered(basic('ann', 'two'))).toBeUndefined()
    expect(await subject.login(basic('ann', 'two'), ADDRESS)).toMatchObject({ reason: 'denied' })
  })

  test('that list their users need not announce a change for that', async () => {
    const first = Object.assign(tableOf({}, 'first'), {
      knows: (credential: Credential) => first.rows.has((credential as BasicCredential).name),
    })
    const subject = pipelineOf([first, tableOf({ ann: 'two' }, 'second')])
    await subject.login(basic('ann', 'two'), ADDRESS)
    expect(subject.remembered(basic('ann', 'two'))).toMatchObject({ ok: true })
    first.rows.set('ann', { password: 'one' })
    expect(subject.remembered(basic('ann', 'two'))).toBeUndefined()
  })

  test('check again, after five minutes, whether an earlier one knows a name', async () => {
    let now = 0
    const first = tableOf({}, 'first')
    const subject = pipelineOf([first, tableOf({ ann: 'two' }, 'second')], { clock: () => now })
    await subject.login(basic('ann', 'two'), ADDRESS)
    now += 299_999
    expect(subject.remembered(basic('ann', 'two'))).toMatchObject({ ok: true })
    now += 1
    expect(subject.remembered(basic('ann', 'two'))).toBeUndefined()
    expect(await subject.login(basic('ann', 'two'), ADDRESS)).toMatchObject({ ok: true })
    expect(subject.remembered(basic('ann', 'two'))).toMatchObject({ ok: true })
  })

  test.each([
    ['known to the first', 'ann'],
    ['known to the second', 'bob'],
    ['known to no provider', 'eve'],
  ])('are each tried once for a failed login with a name %s, in either order', async (_, name) => {
    for (const turn of [0, 1]) {
      const providers = [slowTableOf({ ann: 'x' }, 'a'), slowTableOf({ bob: 'x' }, 'b')]
      if (turn === 1) providers.reverse()
      const subject = pipelineOf(providers)
      let isOver = false
      const login = Promise.resolve(subject.login(basic(name, 'wrong'), ADDRESS)).finally(() => {
        isOver = true
      })
      while (!isOver) {
        for (const provider of providers) provider.answerAll()
        await settled()
      }
      expect(await login).toEqual({ ok: false, reason: 'denied', candidate: name })
      expect(providers.map(({ asked }) => asked.length)).toEqual([1, 1])
    }
  })

  test('do not receive names that another one knows', async () => {
    const second = slowTableOf({}, 'second')
    const subject = pipelineOf([tableOf({ ann: 'x' }, 'first'), second])
    const names: (string | undefined)[] = []
    for (let i = 0; i < 2; i++) {
      const login = subject.login(basic('ann', 'wrong'), ADDRESS)
      await settled()
      second.answerAll()
      await login
      names.push(second.names.at(-1))
    }
    expect(names[0]).toMatch(/^[0-9a-f]{64}$/)
    expect(names[1]).toBe(names[0]) // It costs the same each time.
  })

  test('are not delayed by one that hangs', async () => {
    const hanging = slowTableOf({}, 'hanging')
    hanging.accepts = ({ kind }) => kind === 'bearer'
    const subject = pipelineOf([hanging, tableOf({ ann: 'secret' })])
    for (let i = 0; i < 50; i++) void subject.login({ kind: 'bearer', token: `${i}` }, ADDRESS)
    expect(await subject.login(basic('ann', 'secret'), ADDRESS)).toMatchObject({ ok: true })
    expect(subject.counters().providers.hanging?.waiting).toBe(48)
    hanging.answerAll()
  })
})

describe('the login of an open connection', () => {
  const principalOf = async (subject: LoginPipeline) => {
    const verdict = await subject.login(basic('ann', 'secret'), ADDRESS)
    if (!verdict.ok) throw new Error(verdict.reason)
    return verdict.principal
  }

  test('stays the same until something changes', async () => {
    const subject = pipelineOf([tableOf({ ann: 'secret' })])
    const principal = await principalOf(subject)
    expect(await subject.recheck(basic('ann', 'secret'), principal, ADDRESS)).toEqual({ is: 'same' })
  })

  test('is rechecked after a change, which the listeners and the epoch announce', async () => {
    const table = tableOf({ ann: 'secret' })
    const subject = pipelineOf([tableOf({}, 'other'), table])
    const principal = await principalOf(subject)
    let changes = 0
    subject.onChange(() => changes++)
    const { epoch } = subject

    table.rows.set('ann', { password: 'secret', groups: ['staff'] })
    table.changed()
    expect([changes, subject.epoch !== epoch]).toEqual([1, true])
    expect(await subject.recheck(basic('ann', 'secret'), principal, ADDRESS)).toEqual({
      is: 'changed',
      principal: { name: 'ann', provider: 'table', groups: ['staff'] },
    })
    table.rows.delete('ann')
    table.changed()
    expect(await subject.recheck(basic('ann', 'secret'), principal, ADDRESS)).toEqual({ is: 'revoked' })
  })

  test('is revoked if another provider now handles the name', async () => {
    const first = tableOf({}, 'first')
    const subject = pipelineOf([first, tableOf({ ann: 'secret' }, 'second')])
    const principal = await principalOf(subject)
    first.rows.set('ann', { password: 'secret' })
    first.changed()
    expect(await subject.recheck(basic('ann', 'secret'), principal, ADDRESS)).toEqual({ is: 'revoked' })
  })

  test('ends when it expires', async () => {
    const rows = new Map([['ann', { password: 'secret', expiresAt: Date.now() + 60_000 }]])
    const subject = pipelineOf([new TableProvider(rows)])
    const principal = { ...(await principalOf(subject)), expiresAt: Date.now() - 1 }
    expect(await subject.recheck(basic('ann', 'secret'), principal, ADDRESS)).toEqual({ is: 'revoked' })
  })

  test('is kept while no provider can decide', async () => {
    const principal = { name: 'ann', provider: 'broken', groups: [] }
    const subject = pipelineOf([new BrokenTable(async () => ({ ok: false, reason: 'unavailable' }))])
    expect(await subject.recheck(basic('ann', 'secret'), principal, ADDRESS)).toEqual({ is: 'unknown' })
    await subject.close()
    expect(await subject.recheck(basic('ann', 'secret'), principal, ADDRESS)).toEqual({ is: 'unknown' })
  })

  test('counts neither as a login nor as a failed one', async () => {
    const table = tableOf({ ann: 'secret' })
    const subject = limitedPipeline([table], { failures: 1 })
    const principal = await principalOf(subject)
    table.rows.set('ann', { password: 'other' })
    table.changed()
    const { results } = subject.counters()
    expect(await subject.recheck(basic('ann', 'secret'), principal, ADDRESS)).toEqual({ is: 'revoked' })
    expect(subject.counters().results).toEqual(results)
    expect(await subject.login(basic('ann', 'other'), ADDRESS)).toMatchObject({ ok: true })
  })
})

describe('the counters', () => {
  test('count every request, including those accepted by their connection', async () => {
    const subject = limitedPipeline([tableOf({ ann: 'secret' })], { failures: 1 })
    const verdict = await subject.login(basic('ann', 'secret'), ADDRESS)
    for (let i = 0; i < 9; i++) if (verdict.ok) subject.countRemembered(verdict.principal)
    await subject.login(basic('ann', 'secret'), ADDRESS)
    for (const guess of ['one', 'two']) await subject.login(basic('bob', guess), ADDRESS)
    subject.countRefusal('malformed')
    subject.countRefusal('no-credentials')
    expect(subject.counters()).toEqual({
      results: {
        remembered: 10,
        verified: 1,
        denied: 1,
        limited: 1,
        malformed: 1,
        'no-credentials': 1,
        busy: 0,
        unavailable: 0,
      },
      asked: 3,
      delayed: 0,
      providers: {
        table: {
          results: { remembered: 10, verified: 1, denied: 0, unknown: 1, busy: 0, unavailable: 0 },
          waiting: 0,
          counts: {},
          gauges: {},
          sizes: {},
        },
      },
    })
  })

  test('of several processes are added up, except those that are the same in each', () => {
    const counters = (users: number, hashes: number) => {
      const subject = pipelineOf([
        Object.assign(tableOf({}), {
          measures: () => ({ counts: { hashes }, gauges: { cached: 2 }, sizes: { users } }),
        }),
      ])
      subject.countRefusal('malformed')
      return JSON.parse(JSON.stringify(subject.counters()))
    }
    const sum = sumCounters([counters(5, 1), counters(6, 10)])
    expect(sum.results.malformed).toBe(2)
    expect(sum.providers.table).toMatchObject({
      counts: { hashes: 11 },
      gauges: { cached: 4 },
      sizes: { users: 6 },
    })
  })
})

describe('failed logins', () => {
  const guess = (subject: LoginPipeline, i: number, name = 'ann') =>
    subject.login(basic(name, `guess ${i}`), ADDRESS)

  test('cannot bypass the limit by arriving at the same time', async () => {
    const slow = slowTableOf({ ann: 'secret' })
    slow.rows.set('ann', { password: 'secret' })
    const subject = pipelineOf([slow], { limiter: new LoginLimiter({ failures: 3 }), queue: 100 })
    const logins = Array.from({ length: 20 }, (_, i) => guess(subject, i))
    while (subject.counters().results.denied < 3) {
      slow.answerAll()
      await settled()
    }
    const reasons = (await Promise.all(logins)).map((verdict) => !verdict.ok && verdict.reason)
    expect(reasons.filter((reason) => reason === 'denied')).toHaveLength(3)
    expect(reasons.filter((reason) => reason === 'limited')).toHaveLength(17)
  })

  test('that are equal count once, concurrently or in sequence', async () => {
    const subject = limitedPipeline([tableOf({ ann: 'secret' })], { failures: 2 })
    await Promise.all(Array.from({ length: 20 }, () => subject.login(basic('ann', 'old'), ADDRESS)))
    expect(await subject.login(basic('ann', 'old'), ADDRESS)).toMatchObject({ reason: 'denied' })
    expect(await subject.login(basic('ann', 'secret'), ADDRESS)).toMatchObject({ ok: true })
  })

  test('do not block a cached login', async () => {
    const subject = limitedPipeline([tableOf({ ann: 'secret' })], { failures: 1 })
    await subject.login(basic('ann', 'secret'), ADDRESS)
    for (let i = 0; i < 3; i++) await guess(subject, i)
    expect(subject.login(basic('ann', 'secret'), ADDRESS)).toMatchObject({ ok: true })
  })

  test('are not counted if the provider is busy or unavailable', async () => {
    const verdicts: Verdict[] = [
      { ok: false, reason: 'busy' },
      { ok: false, reason: 'unavailable' },
      { ok: false, reason: 'denied' },
    ]
    const subject = limitedPipeline([new BrokenTable(async () => verdicts.shift() as Verdict)], {
      failures: 1,
    })
    const reasons: unknown[] = []
    for (let i = 0; i < 4; i++) {
      const verdict = await guess(subject, i)
      reasons.push(!verdict.ok && verdict.reason)
    }
    expect(reasons).toEqual(['busy', 'unavailable', 'denied', 'limited'])
  })

  test('with tokens do not count: tokens cannot be guessed', async () => {
    const table = tableOf({ ann: 'secret' })
    table.accepts = () => true
    const subject = limitedPipeline([table], { failures: 1 })
    for (let i = 0; i < 5; i++) {
      expect(await subject.login({ kind: 'bearer', token: `${i}` }, ADDRESS)).toMatchObject({
        reason: 'denied',
      })
    }
    expect(await subject.login(basic('ann', 'secret'), ADDRESS)).toMatchObject({ ok: true })
  })

  test('of more clients than responses can be delayed are rejected at once', async () => {
    const table = tableOf({})
    let asked = 0
    const verify = table.verify.bind(table)
    table.verify = (credential) => {
      asked++
      return verify(credential)
    }
    const subject = limitedPipeline([table], { failures: 10 })
    for (let i = 0; i < 3000; i++) {
      void guess(subject, i, `user ${i}`)
      if (i % 50 === 0) await settled()
    }
    expect(await guess(subject, 0)).toMatchObject({ reason: 'busy' })
    expect(asked).toBeLessThan(1500)
    expect(subject.counters().delayed).toBe(1000)
    const before = asked
    expect(await subject.login(basic('ann', 'x'), '192.0.2.2')).toMatchObject({ reason: 'denied' })
    expect(asked).toBe(before + 1)
  })
})

test('a flood from many addresses waits behind a client without failures', async () => {
  const slow = slowTableOf({ ann: 'secret' })
  const subject = pipelineOf([slow], { queue: 20 })
  const flood: unknown[] = []
  const attack = (round: number) => {
    for (let i = 0; i < 50; i++) flood.push(subject.login(basic(`eve ${i}`, `${round}`), `198.51.100.${i}`))
  }
  const answer = async () => {
    for (const { answer } of slow.asked) answer()
    await settled()
  }
  for (let round = 0; round < 10; round++) {
    attack(round)
    for (let i = 0; i < 30; i++) await answer()
  }
  attack(10)
  const before = slow.asked.length
  const login = subject.login(basic('ann', 'secret'), ADDRESS)
  for (let i = 0; i < 10; i++) await answer()
  expect(await login).toMatchObject({ ok: true })
  expect(slow.names.indexOf('ann') - before).toBeLessThan(4)
})

test('closing makes waiting and later logins unavailable, and closes the providers', async () => {
  const slow = slowTableOf({})
  let closed = 0
  slow.close = async () => {
    closed++
    slow.answerAll()
  }
  const subject = pipelineOf([slow])
  const logins = ['a', 'b', 'c', 'd'].map((name) => subject.login(basic(name, 'x'), ADDRESS))
  await subject.close()
  expect(closed).toBe(1)
  expect(await logins[3]).toMatchObject({ reason: 'unavailable' })
  expect(subject.login(basic('e', 'x'), ADDRESS)).toMatchObject({ reason: 'unavailable' })
  expect(subject.status().ready).toBe(false)
})

import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type AuthenticatorOptions, createAuthenticator, hash } from '../../src/index.js'
import { authenticatorAt, authenticatorFor, isFull } from '../support/authenticator.js'
import { temporaryFolder } from '../support/folder.js'
import { basic } from '../support/requests.js'

const sha = (password: string) => `{SHA}${createHash('sha1').update(password).digest('base64')}`
const letIn = (user: string) => ({ ok: true, user, principal: { name: user, provider: 'file', groups: [] } })
const ANN = `ann:${sha('secret')}`

describe('the sender of a request', () => {
  test('a user with the right password is accepted, by name', async () => {
    const subject = await authenticatorFor([ANN])
    expect(await subject.authenticate(basic('ann', 'secret'))).toEqual(letIn('ann'))
  })

  test('names and passwords are UTF-8, and passwords may hold colons', async () => {
    const subject = await authenticatorFor([`Jürgen:${sha('pä:ß: 密')}`])
    expect(await subject.authenticate(basic('Jürgen', 'pä:ß: 密'))).toEqual(letIn('Jürgen'))
  })

  test('a wrong password and an unknown user get the same verdict', async () => {
    const subject = await authenticatorFor([ANN])
    const denied = { ok: false, reason: 'denied' }
    expect(await subject.authenticate(basic('ann', 'wrong'))).toEqual({ ...denied, user: 'ann' })
    expect(await subject.authenticate(basic('eve', 'secret'))).toEqual({ ...denied, user: 'eve' })
  })

  test('an unknown user costs a hash, even with another user’s password', async () => {
    const subject = await authenticatorFor([ANN])
    expect(await subject.authenticate(basic('eve', 'secret'))).toMatchObject({ reason: 'denied' })
    expect(subject.counters()).toMatchObject({ hashes: 1, denied: 1, cached: 0 })
  })

  test('a user whose record matches no password costs a hash, too', async () => {
    const subject = await authenticatorFor([ANN, 'bob:secret'])
    expect(await subject.authenticate(basic('bob', 'secret'))).toMatchObject({ reason: 'denied' })
    expect(subject.counters()).toMatchObject({ hashes: 1, cached: 0 })
  })

  test('the first of several records of a user counts', async () => {
    const subject = await authenticatorFor([ANN, `ann:${sha('second')}`])
    expect(await subject.authenticate(basic('ann', 'second'))).toMatchObject({ reason: 'denied' })
    expect(await subject.authenticate(basic('ann', 'secret'))).toMatchObject({ ok: true })
  })

  test('missing or malformed credentials are denied synchronously', async () => {
    const subject = await authenticatorFor([ANN])
    expect(subject.authenticate(undefined)).toEqual({ ok: false, reason: 'no-credentials' })
    expect(subject.authenticate('Bearer abc')).toEqual({ ok: false, reason: 'no-credentials' })
    expect(subject.authenticate([basic('ann', 'secret'), basic('ann', 'secret')])).toEqual({
      ok: false,
      reason: 'malformed',
    })
    expect(subject.counters()).toMatchObject({ noCredentials: 2, malformed: 1, hashes: 0 })
  })

  test('a file without users denies all logins', async () => {
    const subject = await authenticatorFor([])
    expect(await subject.authenticate(basic('ann', 'secret'))).toMatchObject({ reason: 'denied' })
  })
})

describe('a verified password', () => {
  test('is cached: the next verdict is synchronous', async () => {
    const subject = await authenticatorFor([ANN])
    await subject.authenticate(basic('ann', 'secret'))
    expect(subject.authenticate(basic('ann', 'secret'))).toEqual(letIn('ann'))
    expect(subject.counters()).toMatchObject({ hits: 1, misses: 1, hashes: 1, cached: 1 })
  })

  test('is returned by `remembered` without hashing', async () => {
    const subject = await authenticatorFor([ANN])
    expect(subject.remembered(basic('ann', 'secret'))).toBeUndefined()
    await subject.authenticate(basic('ann', 'secret'))
    expect(subject.remembered(basic('ann', 'secret'))).toEqual(letIn('ann'))
    expect(subject.remembered(basic('ann', 'wrong'))).toBeUndefined()
    expect(subject.remembered(undefined)).toEqual({ ok: false, reason: 'no-credentials' })
    expect(subject.counters().hashes).toBe(1)
  })

  test('is hashed each time without a cache', async () => {
    const subject = await authenticatorFor([ANN], { cacheSize: 0 })
    for (let i = 0; i < 3; i++) await subject.authenticate(basic('ann', 'secret'))
    expect(subject.counters()).toMatchObject({ hashes: 3, cached: 0 })
  })

  test('is not cached if it is wrong', async () => {
    const subject = await authenticatorFor([ANN])
    for (let i = 0; i < 3; i++) await subject.authenticate(basic('ann', 'wrong'))
    expect(subject.counters()).toMatchObject({ hashes: 3, denied: 3, cached: 0 })
  })
})

test('needs one hash for 100 simultaneous first requests', async () => {
  const subject = await authenticatorFor([`ann:${await hash('secret', { cost: 6 })}`])
  const verdicts = await Promise.all(
    Array.from({ length: 100 }, () => subject.authenticate(basic('ann', 'secret'))),
  )
  expect(verdicts.every(({ ok }) => ok)).toBe(true)
  expect(subject.counters()).toMatchObject({ misses: 100, hashes: 1 })
})

describe('under a flood of wrong passwords', () => {
  const guesses = (count: number) => Array.from({ length: count }, (_, i) => basic('bob', `guess ${i}`))

  test('the queue is bounded, and further logins are busy', async () => {
    const subject = await authenticatorFor([`bob:${await hash('x', { cost: 8 })}`], { workers: 1, queue: 4 })
    const flood = guesses(50).map((guess) => subject.authenticate(guess))
    expect(subject.counters().queued).toBe(4)
    const reasons = (await Promise.all(flood)).map((verdict) => !verdict.ok && verdict.reason)
    expect(reasons.filter((reason) => reason === 'denied')).toHaveLength(5)
    expect(reasons.filter((reason) => reason === 'busy')).toHaveLength(45)
    expect(subject.counters()).toMatchObject({ hashes: 5, busy: 45, denied: 5, queued: 0 })
  })

  test('a cached user does not wait', async () => {
    const subject = await authenticatorFor([ANN, `bob:${await hash('x', { cost: 8 })}`], { workers: 1 })
    await subject.authenticate(basic('ann', 'secret'))
    const flood = Promise.all(guesses(30).map((guess) => subject.authenticate(guess)))
    expect(subject.authenticate(basic('ann', 'secret'))).toEqual(letIn('ann'))
    expect(subject.counters().queued).toBeGreaterThan(20)
    await subject.close()
    await flood
  })

  test('a new user waits for at most one other, even from the same address', async () => {
    const encoded = await hash('secret', { cost: 8 })
    const subject = await authenticatorFor([`ann:${encoded}`, `bob:${encoded}`], { workers: 1, queue: 30 })
    const flood = guesses(40).map((guess) => subject.authenticate(guess, '10.0.0.1'))
    expect(await subject.authenticate(basic('ann', 'secret'), '10.0.0.1')).toEqual(letIn('ann'))
    expect(subject.counters().hashes).toBeLessThanOrEqual(3)
    await subject.close()
    await Promise.all(flood)
  })

  test('a new user from another address waits for at most one other, however many names the flood tries', async () => {
    const subject = await authenticatorFor([`ann:${await hash('secret', { cost: 8 })}`], {
      workers: 1,
      queue: 30,
    })
    const flood = Array.from({ length: 40 }, (_, i) =>
      subject.authenticate(basic(`eve${i}`, 'x'), '10.0.0.1'),
    )
    expect(await subject.authenticate(basic('ann', 'secret'), '10.0.0.2')).toEqual(letIn('ann'))
    expect(subject.counters().hashes).toBeLessThanOrEqual(3)
    await subject.close()
    await Promise.all(flood)
  })
})

describe('the password file', () => {
  test('if missing, makes logins unavailable until it appears', async () => {
    const file = join(temporaryFolder(), '.htpasswd')
    const subject = await authenticatorAt(file)
    expect(await subject.authenticate(basic('ann', 'secret'))).toEqual({
      ok: false,
      reason: 'unavailable',
      user: 'ann',
    })
    expect(subject.events).toMatchObject([
      {
        type: 'unreadable',
        level: 'error',
        message: `cannot read ${file}: it does not exist; no user can log in`,
        error: { code: 'ERR_FILE_MISSING' },
      },
    ])

    writeFileSync(file, `${ANN}\n`)
    await vi.waitFor(async () => {
      expect(await subject.authenticate(basic('ann', 'secret'))).toMatchObject({ ok: true })
    }, 30_000)
    expect(subject.events.at(-1)).toMatchObject({ type: 'loaded', users: 1, schemes: { sha1: 1 } })
  })

  test('if removed, makes logins unavailable, even cached ones', async () => {
    const subject = await authenticatorFor([ANN])
    await subject.authenticate(basic('ann', 'secret'))
    rmSync(subject.file)
    await vi.waitFor(async () => {
      expect(await subject.authenticate(basic('ann', 'secret'))).toMatchObject({ reason: 'unavailable' })
    }, 30_000)
  })

  test('if it is a folder, is reported once', async () => {
    const subject = await authenticatorFor([ANN])
    rmSync(subject.file)
    mkdirSync(subject.file)
    const told = () => subject.events.filter((event) => event.type === 'unreadable' && isFolder(event.error))
    const isFolder = (error: Error) => error.message === `cannot read ${subject.file}: it is not a file`
    await vi.waitFor(() => expect(told()).toHaveLength(1), 30_000)
    await expect(subject.reload()).rejects.toMatchObject({ code: 'ERR_FILE_TYPE' })

    rmSync(subject.file, { recursive: true })
    writeFileSync(subject.file, ANN)
    await vi.waitFor(() => expect(subject.events.at(-1)?.type).toBe('loaded'), 30_000)
    expect(told()).toHaveLength(2) // once from the watcher, once on request
  })

  test('is reloaded at once on request', async () => {
    const subject = await authenticatorFor([ANN])
    writeFileSync(`${subject.file}.new`, `bob:${sha('secret')}\n`)
    renameSync(`${subject.file}.new`, subject.file)
    await subject.reload()
    expect(await subject.authenticate(basic('bob', 'secret'))).toMatchObject({ ok: true })
    expect(subject.counters()).toMatchObject({ users: 1, reloads: 2 })
  })

  test('if it has invalid lines, is read without them, and they are reported', async () => {
    const subject = await authenticatorFor(['nonsense', ANN, 'bob:plaintext', `:${sha('x')}`])
    expect(await subject.authenticate(basic('ann', 'secret'))).toMatchObject({ ok: true })
    expect(subject.events.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      `info: ${subject.file}: 2 users`,
      `warn: ${subject.file}: lines 1, 4 skipped: not a record (user:hash)`,
      `warn: ${subject.file}: cannot verify passwords for line 3: not a valid hash`,
    ])
  })

  test('if it changes while a password is hashed, decides by its new content', async () => {
    const subject = await authenticatorFor([`ann:${await hash('secret', { cost: 9 })}`])
    const verdict = subject.authenticate(basic('ann', 'secret'))
    writeFileSync(subject.file, `ann:${await hash('other', { cost: 4 })}\n`)
    await subject.reload()
    expect(await verdict).toMatchObject({ ok: false, reason: 'denied' })
    expect(subject.counters().cached).toBe(0)
  })
})

describe('closing', () => {
  test('makes waiting and later logins unavailable', async () => {
    const subject = await authenticatorFor([`ann:${await hash('secret', { cost: 10 })}`], { workers: 1 })
    const waiting = ['a', 'b', 'c'].map((password) => subject.authenticate(basic('ann', password)))
    await subject.close()
    for (const verdict of await Promise.all(waiting)) expect(verdict).toMatchObject({ reason: 'unavailable' })
    expect(subject.authenticate(basic('ann', 'secret'))).toMatchObject({ reason: 'unavailable' })
    await expect(subject.reload()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('can be repeated', async () => {
    const subject = await authenticatorFor([ANN])
    await subject.close()
    await subject.close()
  })
})

test.each([
  ['file', { file: '' }],
  ['file', {}],
  ['realm', { realm: 'Café' }],
  ['realm', { realm: 'a\r\nSet-Cookie: x' }],
  ['workers', { workers: 0 }],
  ['queue', { queue: 1.5 }],
  ['cacheSize', { cacheSize: -1 }],
  ['cacheTtl', { cacheTtl: Number.NaN }],
  ['onEvent', { onEvent: 'log' }],
])('an invalid option %s is rejected by name', async (name, options) => {
  const given = { ...(name === 'file' ? {} : { file: '/x' }), ...options } as AuthenticatorOptions
  await expect(createAuthenticator(given)).rejects.toMatchObject({
    name: 'HtgateError',
    code: 'ERR_OPTION',
    message: expect.stringContaining(`option ${name} `),
  })
})

test('no header is accepted without a password', async () => {
  const subject = await authenticatorFor([ANN, 'bob:', `cyd:{PLAIN}`, '{SHA}:x'], { queue: 100_000 })
  const text = fc.oneof(fc.constantFrom('ann', 'bob', 'secre', '{SHA}', ''), fc.string({ maxLength: 8 }))
  const header = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.tuple(text, text).map(([user, password]) => basic(user, password)),
  )
  await fc.assert(
    fc.asyncProperty(header, async (authorization) => {
      const verdict = await subject.authenticate(authorization)
      // cyd's password is empty, and empty passwords are never accepted.
      expect(verdict.ok).toBe(authorization === basic('ann', 'secret'))
    }),
    { numRuns: isFull ? 100_000 : 3_000 },
  )
})

test('no file admits a user without a matching record', async () => {
  const subject = await authenticatorFor([], { cacheSize: 0 })
  // Fragments of records in random order: few form a record, and fewer one of ann's.
  const piece = fc.constantFrom(
    'ann',
    'bob',
    ':',
    ':',
    '\n',
    '\n',
    '\r',
    '#',
    ' ',
    '\0',
    '\xff',
    '{SHA}',
    sha('secret'),
    sha('x'),
  )
  const file = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
  /** From the first colon to the second, or to the white space at the end of the line. */
  const hashIn = (content: string) =>
    /(?:^|\n)[ \t-\r]*ann:([^\r\n]*)/.exec(content)?.[1]?.replace(/:.*|[ \t-\r]+$/s, '')
  await fc.assert(
    fc.asyncProperty(fc.oneof(file, fc.string({ unit: 'binary', maxLength: 60 })), async (content) => {
      writeFileSync(subject.file, content, 'latin1')
      await subject.reload()
      const verdict = await subject.authenticate(basic('ann', 'secret'))
      expect(verdict.ok).toBe(hashIn(content) === sha('secret'))
    }),
    // Each run writes and reads a file; users-table.test.ts runs ten times as many without files.
    { numRuns: isFull ? 10_000 : 1_000 },
  )
}, 900_000)

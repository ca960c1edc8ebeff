import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createPasswordFileProvider } from '../../../src/auth/providers/password-file/provider.js'
import { rehash } from '../../../src/auth/providers/password-file/rehash.js'
import { SessionProvider } from '../../../src/auth/sessions/provider.js'
import { Seals } from '../../../src/auth/sessions/seal.js'
import { ConfiguredGroups } from '../../../src/auth/sessions/session.js'
import { Watcher } from '../../../src/auth/watcher.js'
import { hash } from '../../../src/index.js'
import type { Algorithm } from '../../../src/schemes/algorithm.js'
import { temporaryFolder } from '../../support/folder.js'

// Two workers with one password file: one has read a change of it, such as a stronger record, and the other has not.

const cookie = (value: string) => ({ kind: 'session', value }) as const
const ALICE = { name: 'alice', provider: 'file', groups: [] }
const denied = { ok: false, reason: 'denied' }

async function worker(file: string, rehash?: Algorithm) {
  const options = { file, workers: 1, cacheSize: 10, cacheTtl: 60_000, rehash }
  const provider = await createPasswordFileProvider(options)
  onTestFinished(() => provider.close())
  const sessions = new SessionProvider({
    seals: new Seals(['s'.repeat(32)], 'gate'),
    groups: new ConfiguredGroups([]),
    ttl: 3_600_000,
    accounts: [provider],
  })
  const begin = async () => cookie(sessions.begin(ALICE, undefined, await sessions.markOf(ALICE)))
  return { provider, sessions, begin, reads: () => provider.measures?.().counts.reloads }
}

/** A worker that has read the changed file, and one whose watcher waits until `look`. */
async function twoWorkers() {
  const file = join(temporaryFolder(), '.htpasswd')
  const write = async (password: string) => {
    writeFileSync(file, `alice:${await hash(password, { cost: 4 })}\n`)
  }
  await write('secret')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const slow = await worker(file)
  const old = await slow.begin()
  await write('secret')
  return { fast: await worker(file), slow, old, write, file }
}

/** Lets the watchers check the file until the promise has settled. */
async function looking<T>(promise: Promise<T>): Promise<T> {
  let isPending = true
  const settled = promise.finally(() => {
    isPending = false
  })
  while (isPending) {
    await vi.advanceTimersByTimeAsync(50)
    await new Promise(setImmediate)
  }
  return settled
}

test('a session that began in one is accepted by the other before that has read the change', async () => {
  const { fast, slow, old } = await twoWorkers()
  const session = await fast.begin()
  expect(slow.reads()).toBe(1)
  expect(slow.sessions.remembered(session)).toBeUndefined()
  expect(await looking(slow.sessions.verify(session))).toEqual({
    ok: true,
    principal: { ...ALICE, expiresAt: expect.any(Number) },
  })
  expect(slow.reads()).toBe(2)
  expect(slow.sessions.remembered(session)).toBeDefined()
  // The session of the old record has ended in both.
  expect(await looking(slow.sessions.verify(old))).toMatchObject(denied)
  expect(await looking(fast.sessions.verify(old))).toMatchObject(denied)
})

test('sessions verified at the same time share one check of the file', async () => {
  const { fast, slow } = await twoWorkers()
  const all = await Promise.all(Array.from({ length: 20 }, () => fast.begin()))
  const verdicts = await looking(Promise.all(all.map((session) => slow.sessions.verify(session))))
  expect(verdicts.every(({ ok }) => ok)).toBe(true)
  expect(slow.reads()).toBe(2)
})

test('a cookie of an old password causes no read, and at most one check of the file per second', async () => {
  const { fast, slow, old } = await twoWorkers()
  await slow.provider.reload()
  const reads = slow.reads()
  const looks = vi.spyOn(Watcher.prototype, 'caughtUp')
  onTestFinished(() => looks.mockRestore())
  for (let i = 0; i < 50; i++) expect(await looking(slow.sessions.verify(old))).toMatchObject(denied)
  const elapsed = Math.ceil(performance.now() / 1000)
  expect(looks.mock.calls.length).toBeGreaterThan(0)
  expect(looks.mock.calls.length).toBeLessThanOrEqual(elapsed + 1)
  expect(slow.reads()).toBe(reads)
  expect(await looking(slow.sessions.verify(await fast.begin()))).toMatchObject({ ok: true })
})

test('closing ends the wait for a check', async () => {
  const { fast, slow } = await twoWorkers()
  const session = await fast.begin()
  const verdict = slow.sessions.verify(session)
  await new Promise(setImmediate)
  await slow.provider.close()
  expect(await verdict).toMatchObject({ ok: false, reason: 'unavailable' })
})

test('if both rehash a record at the same time, the sessions of both logins stay valid', async () => {
  const file = join(temporaryFolder(), '.htpasswd')
  writeFileSync(file, `alice:${await hash('secret', { scheme: 'sha1' })}\n`)
  const wanted = { scheme: 'bcrypt', work: 5 } as const
  const workers = [await worker(file, wanted), await worker(file, wanted)]
  const credential = { kind: 'basic', name: 'alice', user: Buffer.from('alice') } as const
  const begun = await Promise.all(
    workers.map(async ({ provider, begin }) => {
      const password = Buffer.from('secret')
      expect(await provider.verify({ ...credential, password }, '')).toMatchObject({ ok: true })
      return begin()
    }),
  )
  for (const { provider } of workers) await provider.catchUp?.('alice')
  for (const { sessions } of workers) {
    for (const session of begun) expect(await sessions.verify(session)).toMatchObject({ ok: true })
  }
  const rehashes = workers.map(({ provider }) => provider.measures?.().counts.rehashes ?? 0)
  expect(rehashes.reduce((sum, each) => sum + each)).toBe(1)
})

test('a record changed to another password in the meantime is not mistaken for a rehash', async () => {
  const file = join(temporaryFolder(), '.htpasswd')
  const weak = await hash('secret', { scheme: 'sha1' })
  const question = {
    file,
    user: Buffer.from('alice'),
    password: Buffer.from('secret'),
    encoded: weak,
    wanted: { scheme: 'bcrypt', work: 4 },
  } as const
  for (const changed of [
    await hash('another', { cost: 4 }),
    await hash('secret', { cost: 5 }),
    await hash('secret', { scheme: 'apr1' }),
    `$2y$31$${'a'.repeat(53)}`,
    'nonsense',
  ]) {
    writeFileSync(file, `alice:${changed}\n`)
    expect(await rehash(question)).toBeUndefined()
  }
  writeFileSync(file, 'bob:x\n')
  expect(await rehash(question)).toBeUndefined()
})

import { describe, expect, test } from 'vitest'
import { hash } from '../../src/index.js'
import { authenticatorFor, type Subject } from '../support/authenticator.js'
import { probabilityOfLarger } from '../support/ranks.js'
import { basic } from '../support/requests.js'
import { TableProvider } from '../support/table-provider.js'

// The time that a wrong password takes must not reveal whether a user exists.

const TRIES = process.env.HTGATE_FULL ? 500 : 150
/** Four standard deviations: the variance of the probability is 1 / (6 * TRIES). */
const NOISE = 4 / Math.sqrt(6 * TRIES)

const KINDS = [
  { scheme: 'bcrypt', cost: 5 },
  { scheme: 'sha1' },
  { scheme: 'apr1' },
  { scheme: 'bcrypt', cost: 6 },
] as const

async function recordsOf(count: number, kinds: readonly (typeof KINDS)[number][]): Promise<string[]> {
  const hashes = await Promise.all(kinds.map((kind) => hash('secret', kind)))
  return Array.from({ length: count }, (_, i) => `user${i}:${hashes[i % hashes.length]}`)
}

async function timeOf(subject: Subject, name: string, password: string): Promise<number> {
  const start = performance.now()
  expect(await subject.authenticate(basic(name, password))).toMatchObject({ reason: 'denied' })
  return performance.now() - start
}

/** The times of wrong passwords for known and unknown names, in turn. */
async function measure(
  subject: Subject,
  known: (i: number) => string,
  unknown = (i: number) => `stranger${i}`,
) {
  const times = { known: [] as number[], unknown: [] as number[] }
  for (let i = 0; i < 20; i++) await timeOf(subject, `warm-up ${i}`, `${i}`)
  for (let i = 0; i < TRIES; i++) {
    times.known.push(await timeOf(subject, known(i), `wrong ${i}`))
    times.unknown.push(await timeOf(subject, unknown(i), `wrong ${i}`))
  }
  return probabilityOfLarger(times.known, times.unknown)
}

describe('timing does not reveal which users exist', { timeout: 120_000 }, () => {
  test.each([
    ['one scheme, 15 users', 15, KINDS.slice(0, 1)],
    ['four schemes and costs, 15 users', 15, KINDS],
    ['four schemes and costs, 16 users', 16, KINDS],
  ])('%s', async (_, count, kinds) => {
    const subject = await authenticatorFor(await recordsOf(count, kinds), { workers: 1 })
    const probability = await measure(subject, (i) => `user${i % count}`)
    expect(Math.abs(probability - 0.5)).toBeLessThan(NOISE)
  })

  test('plaintext, damaged and too costly records take as long as unknown users', async () => {
    const lines = [`ann:${await hash('x', { cost: 5 })}`, 'bob:plaintext', 'cyd:$2y$10$broken', 'dan:']
    const costly = `eve:${(await hash('x', { cost: 5 })).replace('$05$', '$31$')}`
    const subject = await authenticatorFor([...lines, costly], { workers: 1 })
    const names = ['bob', 'cyd', 'dan', 'eve']
    const probability = await measure(subject, (i) => names[i % names.length] as string)
    expect(Math.abs(probability - 0.5)).toBeLessThan(NOISE)
  })

  test.each([
    ['the file', (i: number) => `user${i % 15}`],
    ['the provider after it', () => 'tom'],
  ])('in a chain, names known to %s', async (_, known) => {
    const table = new TableProvider(new Map([['tom', { password: 'secret' }]]))
    const records = await recordsOf(15, KINDS.slice(0, 1))
    const subject = await authenticatorFor(records, { workers: 1, providers: [table] })
    expect(Math.abs((await measure(subject, known)) - 0.5)).toBeLessThan(NOISE)
  })
})

import { lchownSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { describe as described, hash } from '../../../../src/index.js'
import { authenticatorFor } from '../../../support/authenticator.js'
import { basic } from '../../../support/requests.js'

const SECRET = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' // of `secret`
const rehash = { scheme: 'bcrypt', cost: 5 } as const

/** The user's current stored hash. */
function encodedOf(file: string, user: string): string {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`${user}:`))
  return line?.split(':')[1] ?? ''
}

describe('a record weaker than --rehash', () => {
  test('is replaced at the next login, and every other byte of the file stays the same', async () => {
    const subject = await authenticatorFor(['# staff', `bob:${SECRET}`, `ann:${SECRET}:Ann Other`, 'x'], {
      rehash,
    })
    expect(await subject.authenticate(basic('ann', 'secret'))).toMatchObject({ ok: true, user: 'ann' })
    await vi.waitFor(() => expect(subject.counters().rehashes).toBe(1), 30_000)

    const fresh = encodedOf(subject.file, 'ann')
    expect(described(fresh)).toMatchObject({ scheme: 'bcrypt', cost: 5 })
    expect(readFileSync(subject.file, 'utf8')).toBe(`# staff\nbob:${SECRET}\nann:${fresh}:Ann Other\nx\n`)
    expect(subject.events).toContainEqual(expect.objectContaining({ type: 'rehashed', user: 'ann' }))
  })

  test('still matches its password, without another hash', async () => {
    const subject = await authenticatorFor([`ann:${SECRET}`], { rehash })
    await subject.authenticate(basic('ann', 'secret'))
    await vi.waitFor(() => expect(subject.counters()).toMatchObject({ rehashes: 1, reloads: 2 }), 30_000)
    expect(subject.remembered(basic('ann', 'secret'))).toMatchObject({ ok: true, user: 'ann' })
    expect(await subject.authenticate(basic('ann', 'wrong'))).toMatchObject({ ok: false, reason: 'denied' })
  })

  test('is kept after a wrong password', async () => {
    const subject = await authenticatorFor([`ann:${SECRET}`], { rehash })
    expect(await subject.authenticate(basic('ann', 'wrong'))).toMatchObject({ ok: false })
    expect(encodedOf(subject.file, 'ann')).toBe(SECRET)
    expect(subject.counters().rehashes).toBe(0)
  })

  test('is kept without --rehash', async () => {
    const subject = await authenticatorFor([`ann:${SECRET}`])
    expect(await subject.authenticate(basic('ann', 'secret'))).toMatchObject({ ok: true })
    expect(encodedOf(subject.file, 'ann')).toBe(SECRET)
  })

  test('is kept if bcrypt would truncate the password', async () => {
    const password = 'x'.repeat(73)
    const subject = await authenticatorFor([`ann:${await hash(password, { scheme: 'sha1' })}`], { rehash })
    expect(await subject.authenticate(basic('ann', password))).toMatchObject({ ok: true })
    expect(encodedOf(subject.file, 'ann')).toMatch(/^{SHA}/)
  })

  test.runIf(process.getuid?.() === 0)(
    'is accepted even if the file cannot be written, which is logged',
    async () => {
      const subject = await authenticatorFor([`ann:${SECRET}`], { rehash })
      // Readers follow a link made by another user, writers do not.
      renameSync(subject.file, `${subject.file}.real`)
      symlinkSync('.htpasswd.real', subject.file)
      lchownSync(subject.file, 4321, 4321)
      expect(await subject.authenticate(basic('ann', 'secret'))).toMatchObject({ ok: true })
      await vi.waitFor(
        () =>
          expect(subject.events).toContainEqual(
            expect.objectContaining({ type: 'rehash-failed', level: 'warn' }),
          ),
        30_000,
      )
      expect(encodedOf(subject.file, 'ann')).toBe(SECRET)
    },
  )
})

test('closing waits for a record that is being replaced, and leaves no lock', async () => {
  const subject = await authenticatorFor([`ann:${SECRET}`], { rehash: { scheme: 'bcrypt', cost: 9 } })
  await subject.authenticate(basic('ann', 'secret'))
  await subject.close()
  expect(described(encodedOf(subject.file, 'ann'))).toMatchObject({ scheme: 'bcrypt', cost: 9 })
  expect(readdirSync(dirname(subject.file))).toEqual(['.htpasswd'])
})

test('a strong enough record is kept', async () => {
  const strong = await hash('secret', { cost: 6 })
  const subject = await authenticatorFor([`ann:${strong}`], { rehash })
  expect(await subject.authenticate(basic('ann', 'secret'))).toMatchObject({ ok: true })
  expect(encodedOf(subject.file, 'ann')).toBe(strong)
})

test.each([{ scheme: 'bcrypt', cost: 30 }, { scheme: 'sha1' }] as const)(
  'a target that is impossible or too weak is rejected: %o',
  async (rehash) => {
    await expect(authenticatorFor([], { rehash })).rejects.toMatchObject({ code: 'ERR_OPTION' })
  },
)

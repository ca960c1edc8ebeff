import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, describe as group, test } from 'vitest'
import { describe, type HashOptions, type HashScheme, hash, schemes, verify } from '../../src/index.js'
import { isFull } from '../support/authenticator.js'
import { temporaryFolder } from '../support/folder.js'
import { describeWith, peer } from '../support/peers.js'
import { apacheHtpasswd, run } from '../support/run.js'

const PASSWORD = 'Größe 1'
/** Differs within the eight bytes that DES uses. */
const WRONG = 'Grösse 1'

group('records made by other programs verify', () => {
  test.each([
    ['Apache’s htpasswd -B', '$2y$05$QsJcHs0dSR9fHXLi/88tpuf6ql3.Iy9WWtK2dz2380XE3m131tx7q'],
    ['bcryptjs', '$2b$05$2DMsHm.ay1fp5ICrZzN7HOGTfJ0p9CY4YjrKIntp/7LJlugepbaJq'],
    ['Apache’s htpasswd -m', '$apr1$Obde9QkK$QOkemJZKauqxAZ.Zq4zTO/'],
    ['Apache’s htpasswd -s', '{SHA}qnI33gG0SrFL1z4l7HKnryfIDtQ='],
    ['Apache’s htpasswd -d', '1Q7KbLnXGJESo'],
    ['openssl passwd -1', '$1$saltsalt$m7Ypl9vMp1a67qNc8OBIx/'],
    ['openssl passwd -5', '$5$saltsalt$dbxBjhDH/N/dy9QHxKJJuH7jw065sZpWdag/Q5ntj5D'],
    [
      'openssl passwd -6',
      '$6$saltsalt$7GG80aEU0DOJIAnqlB8JDE3wNRryxwxWvkPvC99fou84xybyWgkPTlJE2WpLJHAfMKf3H4SuFlgHPuGp3M.jj/',
    ],
    ['openssl passwd -apr1', '$apr1$saltsalt$cRlL9v0/D0UIunsy.q8Vk0'],
    ['nginx’s {SSHA}', '{SSHA}hN+CrRPRwmDULlNmnRvVj+l6LK5zYWx0MTIzNA=='],
    ['nginx’s {PLAIN}', `{PLAIN}${PASSWORD}`],
  ])('%s', async (_, encoded) => {
    expect(await verify(PASSWORD, encoded)).toBe(true)
    expect(await verify(WRONG, encoded)).toBe(false)
    expect(await verify('', encoded)).toBe(false)
  })

  test('plaintext does not, as in Apache on Unix', async () => {
    expect(await verify('secret', 'secret')).toBe(false)
    expect(await verify('', '')).toBe(false)
  })
})

const OPTIONS: readonly HashOptions[] = [
  {},
  { scheme: 'bcrypt', cost: 4 },
  { scheme: 'sha512-crypt' },
  { scheme: 'sha512-crypt', rounds: 1000 },
  { scheme: 'sha256-crypt', rounds: 1234 },
  { scheme: 'apr1' },
  { scheme: 'sha1' },
  { scheme: 'des-crypt' },
]

group('hash', () => {
  test.each(OPTIONS)('%o makes a hash that verifies, with a new salt', async (options) => {
    const encoded = await hash('secret', options)
    expect(await verify('secret', encoded)).toBe(true)
    expect(await verify('secreT', encoded)).toBe(false)
    expect(describe(encoded)).toMatchObject({ scheme: options.scheme ?? 'bcrypt' })
    if (options.scheme !== 'sha1') expect(await hash('secret', options)).not.toBe(encoded)
  })

  test.each([
    [{ cost: 3 }, 'option cost must be an integer from 4 to 17'],
    [{ cost: 18 }, 'option cost must be an integer from 4 to 17'],
    [{ rounds: 5000 }, 'option rounds does not apply to bcrypt'],
    [{ scheme: 'apr1', cost: 5 }, 'option cost does not apply to apr1'],
    [{ scheme: 'sha512-crypt', rounds: 999 }, 'option rounds must be an integer from 1000 to 999999999'],
    [
      { scheme: 'plain' as HashScheme },
      'option scheme must be one of bcrypt, sha512-crypt, sha256-crypt, apr1, sha1, des-crypt',
    ],
  ] satisfies [HashOptions, string][])('%o is rejected', async (options, message) => {
    await expect(hash('secret', options)).rejects.toMatchObject({ code: 'ERR_OPTION', message })
  })

  test.each([
    ['with a NUL', 'a\0b', {}, 'a password cannot contain a NUL byte'],
    ['that bcrypt would truncate', 'x'.repeat(73), {}, 'bcrypt takes at most 72 bytes of a password, not 73'],
    [
      'that DES would truncate',
      'Größe 12',
      { scheme: 'des-crypt' },
      'des-crypt takes at most 8 bytes of a password, not 10',
    ],
    [
      'of unreasonable length',
      'x'.repeat(4097),
      { scheme: 'apr1' },
      'apr1 takes at most 4096 bytes of a password, not 4097',
    ],
  ] satisfies [string, string, HashOptions, string][])(
    'a password %s is rejected',
    async (_, password, options, message) => {
      await expect(hash(password, options)).rejects.toMatchObject({ code: 'ERR_PASSWORD', message })
    },
  )

  test('arguments that are not strings are rejected by name', async () => {
    await expect(hash(12345 as unknown as string)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: 'password must be a string',
    })
    await expect(verify('x', undefined as unknown as string)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: 'encoded must be a string',
    })
  })
})

describeWith(['htpasswd', 'openssl'], 'other programs verify our hashes', () => {
  test.each(OPTIONS)('Apache’s htpasswd: %o', async (options) => {
    const file = join(temporaryFolder(), '.htpasswd')
    writeFileSync(file, `ann:${await hash('secret', options)}\n`)
    expect((await apacheHtpasswd(['-vb', file, 'ann', 'secret'])).status).toBe(0)
    expect((await apacheHtpasswd(['-vb', file, 'ann', 'secreT'])).status).toBe(3)
  })

  test.each([
    ['-5', 'sha256-crypt'],
    ['-6', 'sha512-crypt'],
    ['-apr1', 'apr1'],
  ] satisfies [string, HashScheme][])('openssl passwd %s makes the same', async (option, scheme) => {
    const encoded = await hash(PASSWORD, { scheme })
    const salt = encoded.split('$')[2] as string
    const { stdout } = await run(peer('openssl') as string, ['passwd', option, '-salt', salt, PASSWORD])
    expect(stdout.toString()).toBe(`${encoded}\n`)
  })
})

group('describe', () => {
  test.each([
    [
      '$2y$12$QsJcHs0dSR9fHXLi/88tpuf6ql3.Iy9WWtK2dz2380XE3m131tx7q',
      { scheme: 'bcrypt', strength: 'strong', cost: 12 },
    ],
    [
      '$5$saltsalt$dbxBjhDH/N/dy9QHxKJJuH7jw065sZpWdag/Q5ntj5D',
      { scheme: 'sha256-crypt', strength: 'strong', rounds: 5000 },
    ],
    ['$apr1$saltsalt$cRlL9v0/D0UIunsy.q8Vk0', { scheme: 'apr1', strength: 'weak' }],
    ['{SHA}qnI33gG0SrFL1z4l7HKnryfIDtQ=', { scheme: 'sha1', strength: 'broken' }],
    ['{PLAIN}secret', { scheme: 'plain', strength: 'broken' }],
    ['secret', undefined],
    ['$2y$12$short', undefined],
  ])('%s: %j', (encoded, expected) => {
    expect(describe(encoded)).toEqual(expected)
  })
})

test('every scheme has a name and a strength, the strongest first', () => {
  const order = ['strong', 'weak', 'broken']
  const strengths = schemes.map(({ strength }) => order.indexOf(strength))
  expect(strengths).toEqual([...strengths].sort())
  expect(new Set(schemes.map(({ scheme }) => scheme)).size).toBe(schemes.length)
})

test('damaged records never verify, and never throw', async () => {
  // One of each scheme, with unchanged rounds or cost: a random one may take a day.
  const records = [
    '$2y$04$|QsJcHs0dSR9fHXLi/88tpuf6ql3.Iy9WWtK2dz2380XE3m131tx7q',
    '$apr1$|Obde9QkK$QOkemJZKauqxAZ.Zq4zTO/',
    '$1$|saltsalt$m7Ypl9vMp1a67qNc8OBIx/',
    '$5$|saltsalt$dbxBjhDH/N/dy9QHxKJJuH7jw065sZpWdag/Q5ntj5D',
    '{SHA}|qnI33gG0SrFL1z4l7HKnryfIDtQ=',
    '{SSHA}|WsxojBExvSYfSuPCrqdA7mZGi81zYWx0',
    '|1Q7KbLnXGJESo',
  ]
  const damage = fc.tuple(
    fc.nat(60),
    fc.nat(3),
    fc.string({ unit: fc.constantFrom('$', '.', 'a', '\0', 'é', ' '), maxLength: 3 }),
  )
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...records), damage, async (record, [at, removed, added]) => {
      const [setting = '', rest = ''] = record.split('|')
      const damaged = setting + rest.slice(0, at) + added + rest.slice(at + removed)
      fc.pre(damaged !== setting + rest)
      expect(await verify(PASSWORD, damaged)).toBe(false)
    }),
    { numRuns: isFull ? 20_000 : 500 },
  )
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventsOf } from '../../../../src/auth/events.js'
import { UsersTable } from '../../../../src/auth/providers/password-file/users-table.js'
import { isFull } from '../../../support/authenticator.js'
import { countTurns } from '../../../support/turns.js'

const SHA = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='
const APR1 = '$apr1$JI4wh3am$AmhephVqLTUyAVpFQeHZC0'

const tableOf = (text: string, encoding: BufferEncoding = 'utf8') =>
  UsersTable.build(Buffer.from(text, encoding))
const encodedOf = async (text: string, user: string) => (await tableOf(text)).encodedOf(Buffer.from(user))

describe('a user’s stored hash', () => {
  test.each([
    ['follows the colon', `ann:${SHA}\n`, SHA],
    ['ends at the second colon', `ann:${SHA}:Ann Example:more\n`, SHA],
    ['ends before a carriage return', `ann:${SHA}\r\n`, SHA],
    ['needs no newline after it', `ann:${SHA}`, SHA],
    ['is the first of several', `ann:${SHA}\nann:${APR1}\n`, SHA],
    ['may come after comments and blank lines', `# users\n\n  \nann:${SHA}\n`, SHA],
    ['may be empty', 'ann:\n', ''],
    ['is not another user’s', `anna:${SHA}\nAnn:${SHA}\nan:${SHA}\n`, undefined],
    ['is not in a comment', `#ann:${SHA}\n# ann:${SHA}\n`, undefined],
  ])('%s', async (_, text, expected) => {
    expect(await encodedOf(text, 'ann')).toBe(expected)
  })

  test('is found by the name’s bytes, in any encoding', async () => {
    const table = await tableOf(`J\xfcrgen:${SHA}\n`, 'latin1')
    expect(table.encodedOf(Buffer.from('Jürgen', 'latin1'))).toBe(SHA)
    expect(table.encodedOf(Buffer.from('Jürgen'))).toBeUndefined()
  })
})

test('lines that are not records are skipped and counted, and the first ten reported', async () => {
  const table = await tableOf(`one\n:${SHA}\nann:${SHA}\n${'x\n'.repeat(20)}`)
  expect(table.skipped).toMatchObject({ count: 22, first: [1, 2, 4, 5, 6, 7, 8, 9, 10, 11] })
  expect(table.size).toBe(1)
})

test('records that match no password are reported', async () => {
  const table = await tableOf(`ann:plaintext\nbob:${SHA}\ncyd:$2y$10$short\ndan:\n`)
  expect(table.unusable).toMatchObject({ count: 3, first: [1, 3, 4] })
  expect(table.schemes).toEqual({ unknown: 2, sha1: 1, bcrypt: 1 })
})

test('hashes of unsupported schemes are counted by scheme, and logged', async () => {
  const yescrypt = '$y$j9T$abcdefgh$IUWJt2doU4Kf6E/JP1UkAT3S5O3Q7SSA8SJirXIlEu9'
  const table = await tableOf(`ann:${yescrypt}\nbob:${SHA}\ncyd:_J9..abcd/H6HLCcf7nw\n`)
  expect(table.schemes).toEqual({ yescrypt: 1, sha1: 1, 'bsdi-crypt': 1 })
  const messages = (table: UsersTable) => eventsOf('users', table, 1).map(({ message }) => message)
  expect(messages(table)).toContain(
    'users: cannot verify passwords for lines 1, 3: yescrypt is not supported, bsdi-crypt is not supported',
  )
  expect(messages(await tableOf(`ann:${yescrypt}\nbob:secret\n`))).toContain(
    'users: cannot verify passwords for lines 1, 2: yescrypt is not supported, not a valid hash',
  )
})

const KEY = Buffer.alloc(32, 7)
const standInOf = (table: UsersTable, name: string, key = KEY) => table.standInFor(Buffer.from(name), key)
const BCRYPT = '$2y$10$7EqJtq98hPqEX7fNZaFWoOhi5Q9gZ0kFY1oAaVgqGpX1yQeZkq8dW'
const NAMES = Array.from({ length: 10_000 }, (_, i) => `eve${i}`)

describe('the stand-in for an unknown user', () => {
  test('is the same for a name at any time, in each process, and after a reload', async () => {
    const text = `ann:${SHA}\nbob:${APR1}\n`
    const tables = await Promise.all(Array.from({ length: 10 }, () => tableOf(text)))
    for (const name of NAMES.slice(0, 50)) {
      const standIns = tables.flatMap((table) => [standInOf(table, name), standInOf(table, name)])
      expect(new Set(standIns).size).toBe(1)
    }
  })

  test('does not depend on the order of the records', async () => {
    const lines = [`ann:${SHA}`, `bob:${APR1}`, `cyd:${BCRYPT}`]
    const [a, b] = await Promise.all([lines, lines.toReversed()].map((each) => tableOf(each.join('\n'))))
    for (const name of NAMES.slice(0, 100))
      expect(standInOf(a as UsersTable, name)).toBe(standInOf(b as UsersTable, name))
  })

  test('has each scheme and cost as often as the file, over many names', async () => {
    const kinds = [SHA, APR1, APR1, BCRYPT, BCRYPT.replace('$10$', '$11$')]
    const lines = Array.from({ length: 15 }, (_, i) => `user${i}:${kinds[i % kinds.length]}\n`)
    const table = await tableOf(lines.join(''))
    const counts = new Map<string | undefined, number>()
    for (const name of NAMES) {
      const standIn = standInOf(table, name)
      counts.set(standIn, (counts.get(standIn) ?? 0) + 1)
    }
    for (const kind of new Set(kinds)) {
      const share = kinds.filter((each) => each === kind).length / kinds.length
      expect((counts.get(kind) ?? 0) / NAMES.length).toBeCloseTo(share, 1)
    }
  })

  test.each([2, 15, 16, 500])(
    'changes for at most about one name in n when a user is added to n: n = %i',
    async (count) => {
      const lines = Array.from({ length: count }, (_, i) => `user${i}:${i % 2 ? SHA : APR1}\n`)
      const before = await tableOf(lines.join(''))
      const after = await tableOf(`${lines.join('')}new:${BCRYPT}\n`)
      const moved = NAMES.filter((name) => standInOf(before, name) !== standInOf(after, name))
      expect(moved.length / NAMES.length).toBeLessThan(1.5 / (count + 1) + 0.001)
      for (const name of moved) expect(standInOf(after, name)).toBe(BCRYPT)
    },
  )

  test('differs with the key', async () => {
    const table = await tableOf(`ann:${SHA}\nbob:${APR1}\n`)
    const moved = NAMES.filter(
      (name) => standInOf(table, name) !== standInOf(table, name, Buffer.alloc(32, 8)),
    )
    expect(moved.length / NAMES.length).toBeCloseTo(0.5, 1)
  })

  test('is a hash that can be computed within the cost limit', async () => {
    const table = await tableOf(`ann:plaintext\nbob:\ncyd:${SHA}\ndan:${BCRYPT.replace('$10$', '$31$')}\n`)
    for (const name of NAMES.slice(0, 100)) expect(standInOf(table, name)).toBe(SHA)
  })

  test('does not exist if there is no such hash', async () => {
    expect(standInOf(await tableOf('ann:plaintext\n'), 'eve')).toBeUndefined()
    expect(standInOf(await tableOf(''), 'eve')).toBeUndefined()
  })
})

describe('a record above the cost limit', () => {
  const sha512 = (rounds: number) => `$6$rounds=${rounds}$salt$${'x'.repeat(86)}`

  test.each([
    ['bcrypt at the limit', BCRYPT.replace('$10$', '$14$'), true],
    ['bcrypt beyond it', BCRYPT.replace('$10$', '$15$'), false],
    ['SHA-crypt at the limit', sha512(64 * 2 ** 14), true],
    ['SHA-crypt beyond it', sha512(64 * 2 ** 14 + 1), false],
    ['SHA-crypt without rounds', `$6$salt$${'x'.repeat(86)}`, true],
    ['a scheme without a cost', APR1, true],
  ])('%s', async (_, encoded, expected) => {
    const table = await tableOf(`ann:${encoded}\n`)
    expect(table.canVerify(encoded)).toBe(expected)
    expect(table.costly.count).toBe(expected ? 0 : 1)
  })

  test('is reported by line, and the limit is configurable', async () => {
    const bytes = Buffer.from(`ann:${SHA}\nbob:${BCRYPT}\n`)
    expect((await UsersTable.build(bytes, 9)).costly).toMatchObject({ count: 1, first: [2] })
    expect((await UsersTable.build(bytes, 10)).costly.count).toBe(0)
  })
})

test('any bytes make a table that finds what a linear search finds', async () => {
  const users = fc.constantFrom('ann', 'bob', 'ann ', '\xe9', '')
  const line = fc.oneof(
    fc.tuple(users, fc.constantFrom(SHA, APR1, 'x', '')).map(([user, encoded]) => `${user}:${encoded}`),
    fc.string({ unit: fc.constantFrom('a', ':', '#', ' ', '\r', '\0', '$', '\xff'), maxLength: 12 }),
  )
  const file = fc.array(line, { maxLength: 8 }).map((lines) => Buffer.from(lines.join('\n'), 'latin1'))
  await fc.assert(
    fc.asyncProperty(fc.oneof(file, fc.uint8Array({ maxLength: 200 }).map(Buffer.from)), async (bytes) => {
      const table = await UsersTable.build(bytes)
      const expected = plainReading(bytes)
      expect(table.size).toBe(expected.size)
      for (const [user, encoded] of expected)
        expect(table.encodedOf(Buffer.from(user, 'latin1'))).toBe(encoded)
      for (const user of ['ann', 'nobody', '']) {
        expect(table.encodedOf(Buffer.from(user))).toBe(expected.get(user))
      }
    }),
    { numRuns: isFull ? 100_000 : 5_000 },
  )
})

/** A naive implementation: line by line, without comments and white space, split at the colons. */
function plainReading(bytes: Buffer): Map<string, string> {
  const users = new Map<string, string>()
  for (const line of bytes.toString('latin1').split('\n')) {
    const [user = '', ...rest] = line.replace(/^[ \t-\r]+/, '').split(':')
    if (user === '' || user.startsWith('#') || rest.length === 0 || users.has(user)) continue
    // White space at the end of a line doesn't count.
    const [hash = '', ...fields] = rest.join(':').replace(/\r.*$/s, '').split(':')
    users.set(user, fields.length === 0 ? hash.replace(/[ \t-\r]+$/, '') : hash)
  }
  return users
}

test('a large file is parsed in slices, with other work between them', async () => {
  const lines = Array.from({ length: 200_000 }, (_, i) => `user${i}:${APR1}\n`)
  const bytes = Buffer.from(lines.join(''))
  const { result: table, turns } = await countTurns(() => UsersTable.build(bytes))
  expect(table.size).toBe(200_000)
  expect(table.encodedOf(Buffer.from('user199999'))).toBe(APR1)
  expect(turns).toBeGreaterThan(2)
})

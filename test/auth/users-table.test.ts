import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UsersTable } from '../../src/auth/users-table.js'
import { isFull } from '../support/authenticator.js'

const SHA = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='
const APR1 = '$apr1$JI4wh3am$AmhephVqLTUyAVpFQeHZC0'

const tableOf = (text: string, encoding: BufferEncoding = 'utf8') =>
  UsersTable.build(Buffer.from(text, encoding))
const encodedOf = async (text: string, user: string) => (await tableOf(text)).encodedOf(Buffer.from(user))

describe('a user’s stored hash', () => {
  test.each([
    ['stands after the colon', `ann:${SHA}\n`, SHA],
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

test('lines that are no records are passed over and counted, and the first ten are named', async () => {
  const table = await tableOf(`one\n:${SHA}\nann:${SHA}\n${'x\n'.repeat(20)}`)
  expect(table.skipped).toMatchObject({ count: 22, first: [1, 2, 4, 5, 6, 7, 8, 9, 10, 11] })
  expect(table.size).toBe(1)
})

test('records that no password fits are named', async () => {
  const table = await tableOf(`ann:plaintext\nbob:${SHA}\ncyd:$2y$10$short\ndan:\n`)
  expect(table.unusable).toMatchObject({ count: 3, first: [1, 3, 4] })
  expect(table.schemes).toEqual({ unknown: 2, sha1: 1, bcrypt: 1 })
})

describe('a decoy for a user who is not there', () => {
  test('is the same for one name whenever it is asked, and in the next reading of the file', async () => {
    const text = `ann:${SHA}\nbob:${APR1}\n`
    const tables = await Promise.all(Array.from({ length: 10 }, () => tableOf(text)))
    const decoys = tables.flatMap((table) => [
      table.decoyFor(Buffer.from('eve')),
      table.decoyFor(Buffer.from('eve')),
    ])
    expect(new Set(decoys).size).toBe(1)
  })

  test('is of each scheme, over many names, as often as the file has it', async () => {
    const lines = Array.from({ length: 1000 }, (_, i) => `user${i}:${i % 4 === 0 ? SHA : APR1}\n`)
    const table = await tableOf(lines.join(''))
    let sha = 0
    for (let i = 0; i < 10_000; i++) if (table.decoyFor(Buffer.from(`eve${i}`)) === SHA) sha++
    // A quarter; the table's seed is random.
    expect(sha).toBeGreaterThan(1500)
    expect(sha).toBeLessThan(3500)
  })

  test('is a hash that can be computed', async () => {
    const table = await tableOf(`ann:plaintext\nbob:\ncyd:${SHA}\n`)
    for (const name of ['eve', 'fay', 'gus', 'hal']) expect(table.decoyFor(Buffer.from(name))).toBe(SHA)
  })

  test('is none where there is no such hash', async () => {
    expect((await tableOf('ann:plaintext\n')).decoyFor(Buffer.from('eve'))).toBeUndefined()
    expect((await tableOf('')).decoyFor(Buffer.from('eve'))).toBeUndefined()
  })
})

test('any bytes at all make a table that finds what a plain reading finds', async () => {
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

/** Says the same in other words: line by line, white space and comments away, cut at the colons. */
function plainReading(bytes: Buffer): Map<string, string> {
  const users = new Map<string, string>()
  for (const line of bytes.toString('latin1').split('\n')) {
    const [user = '', ...rest] = line.replace(/^[ \t-\r]+/, '').split(':')
    if (user === '' || user.startsWith('#') || rest.length === 0 || users.has(user)) continue
    // White space at the end of a line doesn't count.
    const [hash = '', ...fields] = rest.join(':').replace(/\r.*$/s, '').split(':')
    users.set(user, fields.length === 0 ? hash.trimEnd() : hash)
  }
  return users
}

test('a large file is read in slices, and others have their turn between them', async () => {
  const lines = Array.from({ length: 200_000 }, (_, i) => `user${i}:${APR1}\n`)
  const bytes = Buffer.from(lines.join(''))
  let turns = 0
  let building = true
  const takeTurn = () => {
    turns++
    if (building) setImmediate(takeTurn)
  }
  setImmediate(takeTurn)
  const table = await UsersTable.build(bytes)
  building = false
  expect(table.size).toBe(200_000)
  expect(table.encodedOf(Buffer.from('user199999'))).toBe(APR1)
  expect(turns).toBeGreaterThan(2)
})

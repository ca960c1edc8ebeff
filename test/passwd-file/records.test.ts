import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  append,
  badUser,
  eachLine,
  encodedOf,
  find,
  isRecordOf,
  type Malformed,
  type RecordLine,
  replace,
  restOf,
} from '../../src/passwd-file/records.js'

const linesOf = (bytes: Buffer) => {
  const lines: (RecordLine | Malformed)[] = []
  eachLine(bytes, (line) => {
    lines.push(line)
    return true
  })
  return lines
}

const isRecord = (line: RecordLine | Malformed): line is RecordLine => !('malformed' in line)

/** How a reader parses a file: `NUMBER USER HASH`, or `NUMBER ?` for a line that is not a record. */
const shown = (text: string) => {
  const bytes = Buffer.from(text, 'latin1')
  return linesOf(bytes).map((line) =>
    isRecord(line)
      ? `${line.number} ${bytes.toString('latin1', line.userStart, line.colon)} ${encodedOf(bytes, line)}`
      : `${line.number} ?`,
  )
}

describe('lines are read as by Apache’s htpasswd', () => {
  test.each([
    ['alice:x\nbob:y\n', ['1 alice x', '2 bob y']],
    ['alice:x', ['1 alice x']],
    ['alice:x\r\nbob:y\r\n', ['1 alice x', '2 bob y']],
    ['# alice:x\n\n \t\n#bob\n  # carol:z\n', []],
    ['  alice:x\n\tbob:y\n', ['1 alice x', '2 bob y']],
    ['alice:x:Alice:more\n', ['1 alice x']],
    ['alice:\n:x\n', ['1 alice ', '2  x']],
    ['Hello\nalice:x\n', ['1 ?', '2 alice x']],
    ['alice :x\n', ['1 alice  x']],
    ['', []],
    ['\n', []],
  ])('%j', (text, lines) => {
    expect(shown(text)).toEqual(lines)
  })

  test('the rest of a line ends with the line', () => {
    const bytes = Buffer.from('alice:x:Alice \r\n')
    expect(linesOf(bytes).map((line) => isRecord(line) && restOf(bytes, line))).toEqual(['x:Alice '])
  })
})

// Files of random bytes, and files that look like password files, with any line endings.
const user = fc.constantFrom('alice', 'bob', 'carol', 'jürgen', '用户', 'a')
const line = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(user, fc.stringMatching(/^[!-9;-~]{0,20}$/)).map(([name, hash]) => `${name}:${hash}`),
  },
  fc.constantFrom(
    '',
    '# staff',
    '  ',
    '\talice:x',
    ' bob:y',
    'alice:x:more:fields',
    'alice',
    ':',
    ':x',
    'alice :x',
  ),
)
const passwordFile = fc
  .tuple(
    fc.array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n')), { maxLength: 12 }),
    fc.option(line, { nil: '' }),
  )
  .map(([lines, last]) => Buffer.from(lines.flat().join('') + last))
const anyFile = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .array(fc.constantFrom(...Buffer.from('a:#\n\r \t\0')), { maxLength: 40 })
    .map((bytes) => Buffer.from(bytes)),
  passwordFile,
)
const name = user.map((text) => Buffer.from(text))
const record = (of: Buffer) => Buffer.concat([of, Buffer.from(':new\n')])

/** As htpasswd sets a password. */
const set = (bytes: Buffer, of: Buffer) => {
  const { lines } = find(bytes, of)
  return Buffer.concat(lines.length > 0 ? replace(bytes, lines, record(of)) : append(bytes, record(of)))
}
const remove = (bytes: Buffer, of: Buffer) => Buffer.concat(replace(bytes, find(bytes, of).lines))

/** The lines without a record of `of`, byte for byte. */
const others = (bytes: Buffer, of: Buffer) => {
  const mine = find(bytes, of).lines
  return Buffer.concat(replace(bytes, mine)).toString('latin1')
}

describe('properties', () => {
  test('any bytes can be read, as consecutive lines', () => {
    fc.assert(
      fc.property(anyFile, (bytes) => {
        let end = 0
        for (const found of linesOf(bytes)) {
          expect(found.start).toBeGreaterThanOrEqual(end)
          expect(bytes.toString('latin1', 0, found.start).split('\n').length).toBe(found.number)
          if (isRecord(found)) {
            expect(found.userStart).toBeGreaterThanOrEqual(found.start)
            expect(bytes[found.colon]).toBe(0x3a)
            expect(bytes.subarray(found.userStart, found.colon).includes(0x3a)).toBe(false)
            expect(restOf(bytes, found)).not.toMatch(/[\r\n]/)
          }
          end = found.end
        }
        expect(end).toBeLessThanOrEqual(bytes.length)
      }),
    )
  })

  test('an edit keeps every other byte, except for ending the last line', () => {
    fc.assert(
      fc.property(anyFile, name, (bytes, of) => {
        fc.pre(find(bytes, of).malformed === undefined)
        const before = others(bytes, of)
        const after = others(set(bytes, of), of)
        expect([before, `${before}\n`]).toContain(after)
        if (find(bytes, of).lines.length > 0) expect(after).toBe(before)
        expect(others(remove(bytes, of), of)).toBe(before)
      }),
    )
  })

  test('a record that was set is found, once if it is new, otherwise as often as before', () => {
    fc.assert(
      fc.property(anyFile, name, (bytes, of) => {
        const before = find(bytes, of)
        if (before.malformed) return
        const content = set(bytes, of)
        const { lines, malformed } = find(content, of)
        expect(malformed).toBeUndefined()
        expect(lines).toHaveLength(Math.max(1, before.lines.length))
        for (const found of lines) {
          expect(isRecordOf(content, found, of)).toBe(true)
          expect(encodedOf(content, found)).toBe('new')
        }
        expect(set(content, of).equals(content)).toBe(true)
      }),
    )
  })

  test('a removed record is not found', () => {
    fc.assert(
      fc.property(anyFile, name, (bytes, of) => {
        fc.pre(find(bytes, of).malformed === undefined)
        const content = remove(bytes, of)
        expect(find(content, of).lines).toEqual([])
        expect(remove(content, of).equals(content)).toBe(true)
      }),
    )
  })

  test('a valid user is read back unchanged, an invalid one is not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), anyFile, (bytes, file) => {
        const of = Buffer.from(bytes)
        fc.pre(badUser(of) === undefined && find(file, of).malformed === undefined)
        const recordsBefore = shown(file.toString('latin1'))
        const content = Buffer.concat(append(file, record(of)))
        const recordsAfter = shown(content.toString('latin1'))
        expect(recordsAfter.slice(0, -1)).toEqual(recordsBefore)
        expect(recordsAfter.at(-1)).toMatch(/ new$/)
        expect(find(content, of).lines).not.toEqual([])
      }),
    )
  })
})

test.each([
  ['', 'username is empty'],
  ['al:ice', "username contains illegal character ':'"],
  ['al\nice', 'username contains a control character'],
  ['alice\x7f', 'username contains a control character'],
  [' alice', 'username starts with a space'],
  ['#alice', "username starts with '#', which makes the record a comment"],
  ['alice ', undefined],
  ['jürgen', undefined],
  ['a#b', undefined],
])('user %j: %s', (text, why) => {
  expect(badUser(Buffer.from(text))).toBe(why)
})

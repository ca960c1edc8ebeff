import { describe, expect, test } from 'vitest'
import { parseGroups } from '../../src/policy/parse-groups.js'

/** The groups of each user, as an object. */
const groupsIn = (text: string | Buffer) => Object.fromEntries(parseGroups(Buffer.from(text)))

describe('a group file', () => {
  test('lists the users of each group', () => {
    expect(groupsIn('ops: alice bob\nml-team: bob\n')).toEqual({ alice: ['ops'], bob: ['ops', 'ml-team'] })
  })

  test.each([
    ['comments and empty lines', '# ops: mallory\n\n   \n  # x: y\nops: alice', { alice: ['ops'] }],
    [
      'spaces around a group and between names',
      '  ops \t :\talice \t bob  \r\n',
      { alice: ['ops'], bob: ['ops'] },
    ],
    ['a group with a space in its name', 'site ops: alice', { alice: ['site ops'] }],
    ['quoted names', 'ops: "Zoë Q" \'a "b"\' plain', { 'Zoë Q': ['ops'], 'a "b"': ['ops'], plain: ['ops'] }],
    [
      'escaped quotes',
      String.raw`ops: "a\"b" 'c\'d' "e\\f"`,
      { 'a"b': ['ops'], "c'd": ['ops'], 'e\\f': ['ops'] },
    ],
    ['a word right after a quoted one', 'ops: "a"b', { a: ['ops'], b: ['ops'] }],
    ['a quote that is never closed', 'ops: "a b', { 'a b': ['ops'] }],
    ['a quote within a word', `ops: o'brien`, { "o'brien": ['ops'] }],
    ['commas, which do not separate', 'ops: alice,bob carol', { 'alice,bob': ['ops'], carol: ['ops'] }],
    ['a repeated group', 'ops: alice\nops: bob alice', { alice: ['ops'], bob: ['ops'] }],
    ['a continued line', 'ops: alice \\\nbob \\\r\ncarol', { alice: ['ops'], bob: ['ops'], carol: ['ops'] }],
    ['a word continued on the next line', 'ops: al\\\nice', { alice: ['ops'] }],
    ['several colons', 'ops::: alice', { alice: ['ops'] }],
    ['a colon within a name', 'ops: a:b', { 'a:b': ['ops'] }],
    ['a line without a colon', 'ops alice bob', {}],
    ['a group without users', 'ops:', {}],
    ['an empty name', 'ops: "" alice', { alice: ['ops'] }],
    ['an empty group name', ': alice', { alice: [''] }],
    ['a NUL byte, which ends the line', 'ops: alice\0bob\nml: carol', { alice: ['ops'], carol: ['ml'] }],
  ])('has %s', (_, text, groups) => {
    expect(groupsIn(text)).toEqual(groups)
  })

  test('leaves out names that are not UTF-8', () => {
    expect(groupsIn(Buffer.from('ops: z\xfc alice\n', 'latin1'))).toEqual({ alice: ['ops'] })
  })

  test('reads lines of any length', () => {
    const users = Array.from({ length: 20_000 }, (_, i) => `user${i}`)
    expect(parseGroups(Buffer.from(`all: ${users.join(' ')}\nlast: user1`)).get('user1')).toEqual([
      'all',
      'last',
    ])
  })
})

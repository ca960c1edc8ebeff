import { describe, expect, test } from 'vitest'
import { names, parseGrant, splitGrants } from '../../src/policy/grants.js'

describe('a grant', () => {
  test.each([
    ['*', { to: 'everyone' }],
    ['user:alice', { to: 'user', name: 'alice' }],
    ['group:ml-team', { to: 'group', name: 'ml-team' }],
    ['group:Domain Users', { to: 'group', name: 'Domain Users' }],
    ['user:a:b', { to: 'user', name: 'a:b' }],
    ['user:*', { to: 'user', name: '*' }],
  ])('%s', (text, grant) => {
    expect(parseGrant(text)).toEqual(grant)
  })

  test.each(['', 'alice', 'group:', 'user: ', 'role:x', 'Group:x', '**', 'user:a '])(
    '%j is invalid',
    (text) => {
      expect(parseGrant(text)).toBeUndefined()
    },
  )

  test('names in variables may contain spaces', () => {
    expect(splitGrants(' group:Domain Users user:zoë q  * group:x ')).toEqual([
      'group:Domain Users',
      'user:zoë q',
      '*',
      'group:x',
    ])
  })

  test('matches only the exact names of users and groups', () => {
    const grants = [parseGrant('user:alice'), parseGrant('group:ops')].filter((grant) => grant !== undefined)
    expect(names(grants, 'alice', [])).toBe(true)
    expect(names(grants, 'bob', ['ops'])).toBe(true)
    for (const name of ['Alice', 'alice ', 'alic', 'ops', 'group:ops'])
      expect(names(grants, name, ['Ops', 'alice'])).toBe(false)
  })

  test('ignores case if the provider does', () => {
    const grants = [parseGrant('user:alice'), parseGrant('group:ML Team')].filter(
      (grant) => grant !== undefined,
    )
    expect(names(grants, 'Alice', [], true)).toBe(true)
    expect(names(grants, 'bob', ['ml  team'], true)).toBe(true)
    for (const group of ['mlteam', 'ml-team', 'ml team 2'])
      expect(names(grants, 'bob', [group], true)).toBe(false)
  })
})

import { expect, test } from 'vitest'
import { groupsOf, valueAt } from '../../../../src/auth/providers/oidc/claims.js'
import { parseTrust, unmet } from '../../../../src/auth/providers/oidc/trust.js'

const GITHUB = 'https://token.actions.githubusercontent.com'

test('a trust is parsed from one line', () => {
  expect(
    parseTrust(`issuer=${GITHUB},audience=mlflow,claim=repository:org/train,claim=ref=refs/heads/main`),
  ).toEqual({
    issuer: GITHUB,
    audience: 'mlflow',
    conditions: [
      { claim: 'repository', value: 'org/train' },
      { claim: 'ref', value: 'refs/heads/main' },
    ],
    user: 'sub',
    groups: undefined,
    role: undefined,
  })
  expect(parseTrust('issuer=https://ci.example.org,audience=a,claim=actor,role=read')).toMatchObject({
    user: 'actor',
    role: 'read',
    conditions: [],
  })
})

test.each([
  ['audience=a', 'issuer= is required'],
  ['issuer=https://x.org', 'audience= is required'],
  ['issuer=http://x.org,audience=a', "'http://x.org' is not an https URL"],
  [`issuer=${GITHUB},audience=a`, 'claim=NAME:VALUE is required'],
  [`issuer=${GITHUB},audience=a,claim=sub`, 'claim=NAME:VALUE is required'],
  ['issuer=https://x.org,audience=a,audience=b', 'audience= is given twice'],
  ['issuer=https://x.org,audience=a,role=root', "'root' is not read, write or admin"],
  ['issuer=https://x.org,audience=a,colour=red', "'colour' is not issuer"],
  ['issuer=https://x.org,audience=a,claim', "'claim' is not NAME=VALUE"],
])('%s: %s', (text, message) => {
  expect(() => parseTrust(text)).toThrow(message)
})

test.each([
  ['repo:org/x:*', 'repo:org/x:ref:refs/heads/main', true],
  ['repo:org/x:*', 'repo:org/xy:ref', false],
  ['*:environment:prod', 'repo:o/x:environment:prod', true],
  ['a*b*c', 'a-b-c', true],
  ['a*b*c', 'abc', true],
  ['a*b*b', 'ab', false],
  ['aa*aa', 'aaa', false],
  ['a.c', 'abc', false],
  ['true', true, true],
  ['42', 42, true],
  ['x', ['y', 'x'], true],
  ['x', { x: 1 }, false],
  ['x', undefined, false],
])('condition %s on %j is met: %s', (value, actual, isMet) => {
  const trust = parseTrust(`issuer=https://x.org,audience=a,claim=c:${value}`)
  expect(unmet(trust, { c: actual })).toBe(isMet ? undefined : 'c')
})

test('dotted paths reach nested objects, but never inherited properties', () => {
  const claims = { realm_access: { roles: ['a', 'a', 'b\n', 7, ''] }, 'https://x.org/groups': ['c'] }
  expect(groupsOf(claims, 'realm_access.roles')).toEqual(['a'])
  expect(groupsOf(claims, 'https://x.org/groups')).toEqual(['c'])
  expect(groupsOf({ groups: 'one' }, 'groups')).toEqual(['one'])
  expect(groupsOf(claims, 'none.such')).toEqual([])
  expect(valueAt(claims, 'constructor.name')).toBeUndefined()
  expect(valueAt({ a: 'text' }, 'a.length')).toBeUndefined()
})

import { describe, expect, test } from 'vitest'
import type { Principal, Role } from '../../src/auth/principal.js'
import { type Grant, parseGrant } from '../../src/policy/grants.js'
import { MlflowProfile } from '../../src/policy/mlflow.js'
import { Policy } from '../../src/policy/policy.js'
import { none } from '../../src/policy/profile.js'

const user = (name: string, groups: string[] = [], provider = 'file'): Principal => ({
  name,
  groups,
  provider,
})
const grants = (...texts: string[]) => texts.map((text) => parseGrant(text) as Grant)

const READ = ['GET', '/api/2.0/mlflow/experiments/search'] as const
const WRITE = ['POST', '/api/2.0/mlflow/experiments/create'] as const
const ADMIN = ['POST', '/api/2.0/mlflow/webhooks'] as const
const DENIED = ['GET', '/api/2.0/mlflow/unified-traces'] as const

describe('roles', () => {
  const policy = new Policy({
    profile: new MlflowProfile(),
    grants: {
      read: grants('group:staff', 'user:guest'),
      write: grants('group:ml-team'),
      admin: grants('user:root', 'group:ops'),
    },
  })

  test.each([
    ['a reader', user('rita', ['staff']), [true, false, false]],
    ['a reader by name', user('guest'), [true, false, false]],
    ['a writer, who can read', user('will', ['ml-team']), [true, true, false]],
    ['the highest of several roles', user('wanda', ['staff', 'ops', 'ml-team']), [true, true, true]],
    ['an admin, who can write', user('root'), [true, true, true]],
    ['a user without a role', user('nora', ['sales']), [false, false, false]],
    ['a user called like a group', user('ops'), [false, false, false]],
  ])('%s', (_, principal, expected) => {
    expect(
      [READ, WRITE, ADMIN].map(([method, target]) => policy.decide(principal, method, target).allowed),
    ).toEqual(expected)
  })

  test('a refusal names the missing role', () => {
    expect(policy.decide(user('guest'), ...WRITE)).toEqual({
      allowed: false,
      reason: 'role',
      needed: 'write',
      has: 'read',
    })
    expect(policy.decide(user('nora'), ...ADMIN)).toEqual({
      allowed: false,
      reason: 'role',
      needed: 'admin',
      has: undefined,
    })
  })

  test('no role opens a denied route or an ambiguous target', () => {
    expect(policy.decide(user('root'), ...DENIED)).toMatchObject({ allowed: false, reason: 'route' })
    expect(policy.decide(user('root'), 'GET', '/health/../x')).toMatchObject({
      allowed: false,
      reason: 'target',
    })
    expect(policy.decide(user('nora'), ...DENIED)).toMatchObject({ allowed: false, reason: 'role' })
  })

  test('without any grant, every user may do everything', () => {
    const open = new Policy({ profile: new MlflowProfile(), grants: { read: [], write: [], admin: [] } })
    for (const [method, target] of [READ, WRITE, ADMIN, DENIED]) {
      expect(open.decide(user('nora'), method, target)).toEqual({ allowed: true })
    }
    expect(open.roleOf(user('nora'))).toBe('admin')
  })

  test('* is every user', () => {
    const open = new Policy({
      profile: new MlflowProfile(),
      grants: { read: grants('*'), write: [], admin: [] },
    })
    expect(open.roleOf(user('nora'))).toBe('read')
  })
})

describe('a login with a role limit', () => {
  const profile = new MlflowProfile()
  const policy = new Policy({
    profile,
    grants: { read: grants('*'), write: grants('group:ml-team'), admin: grants('user:root') },
  })
  const token = (name: string, maxRole: Role, rest: Partial<Principal> = {}): Principal => ({
    ...user(name, [], 'tokens'),
    maxRole,
    ...rest,
  })

  test('never exceeds the limit or its user’s role', () => {
    expect(policy.roleOf(token('root', 'read'))).toBe('read')
    expect(policy.roleOf(token('root', 'admin'))).toBe('admin')
    expect(policy.roleOf(token('rita', 'admin'))).toBe('read')
    expect(policy.roleOf(token('will', 'admin', { groups: ['ml-team'] }))).toBe('write')
  })

  test('is limited even without grants', () => {
    const open = new Policy({ profile, grants: { read: [], write: [], admin: [] } })
    expect(open.decide(token('root', 'read'), ...READ).allowed).toBe(true)
    expect(open.decide(token('root', 'read'), ...WRITE)).toMatchObject({
      reason: 'role',
      needed: 'write',
      has: 'read',
    })
    expect(open.decide(token('root', 'write'), ...WRITE).allowed).toBe(true)
  })

  test('gives a service without a grant that role', () => {
    expect(policy.roleOf(token('ci', 'write', { isService: true }))).toBe('write')
    expect(policy.roleOf(token('root', 'write', { isService: true }))).toBe('write')
    expect(policy.roleOf(token('ci', 'admin', { isService: true, groups: ['ml-team'] }))).toBe('write')
  })
})

describe('while the group file cannot be read', () => {
  const groupFile = { ready: false }
  const policy = new Policy({
    profile: none,
    grants: { read: grants('group:staff'), write: grants('user:root'), admin: [] },
    groupFile,
  })

  test('a refusal that may depend on it is temporary', () => {
    expect(policy.decide(user('alice'), 'GET', '/')).toMatchObject({ allowed: false, reason: 'unavailable' })
    expect(policy.decide(user('carl', [], 'ldap'), 'GET', '/')).toMatchObject({
      allowed: false,
      reason: 'role',
    })
  })

  test('users with a role from elsewhere keep it', () => {
    expect(policy.decide(user('root'), 'POST', '/').allowed).toBe(true)
    expect(policy.decide(user('carl', ['staff'], 'ldap'), 'GET', '/').allowed).toBe(true)
  })
})

describe('without a profile', () => {
  test.each([
    ['GET', false, 'read'],
    ['HEAD', false, 'read'],
    ['OPTIONS', false, 'read'],
    ['POST', false, 'write'],
    ['PUT', false, 'write'],
    ['PATCH', false, 'write'],
    ['DELETE', false, 'write'],
    ['TRACE', false, 'write'],
    ['PROPFIND', false, 'write'],
    ['get', false, 'write'],
    ['GET', true, 'write'],
  ])('%s, tunnel: %s, is a %s', (method, upgrade, access) => {
    expect(none.classify(method, '/x', upgrade)).toBe(access)
  })
})

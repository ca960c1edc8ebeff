import { createCipheriv, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Account } from '../../../src/auth/provider.js'
import { EndedSessions } from '../../../src/auth/sessions/ended.js'
import { SessionProvider } from '../../../src/auth/sessions/provider.js'
import { parseSecrets, Seals } from '../../../src/auth/sessions/seal.js'
import { ConfiguredGroups } from '../../../src/auth/sessions/session.js'
import { accountsProvider } from '../../support/accounts-provider.js'

const A = 'a'.repeat(32)
const B = 'b'.repeat(32)
const HOUR = 3_600_000
const ann = { name: 'ann', provider: 'oidc', groups: ['ml', 'other'] }
const cookie = (value: string) => ({ kind: 'session', value }) as const

function sessions(options: Partial<ConstructorParameters<typeof SessionProvider>[0]> = {}): SessionProvider {
  return new SessionProvider({
    seals: new Seals([A], 'gate'),
    groups: new ConfiguredGroups(['ml', 'staff']),
    ttl: HOUR,
    accounts: [accountsProvider('oidc')],
    ...options,
  })
}

test('a session has its user and the configured groups, and ends', async () => {
  let now = 1_790_000_000_000
  const provider = sessions({ now: () => now })
  const value = provider.begin(ann)
  const principal = { name: 'ann', provider: 'oidc', groups: ['ml'], expiresAt: now + HOUR }
  expect(provider.remembered(cookie(value))).toEqual(principal)
  expect(provider.remembered(cookie(value))).toBe(provider.remembered(cookie(value)))
  expect(await provider.verify(cookie(value))).toEqual({ ok: true, principal })
  now += HOUR
  expect(provider.remembered(cookie(value))).toBeUndefined()
  expect(await provider.verify(cookie(value))).toMatchObject({ ok: false, reason: 'denied' })
})

const marked = { ...accountsProvider('oidc'), passwordMark: () => 'a mark' }

test('the cookie stays under 500 bytes with 200 groups and the longest name', () => {
  const names = Array.from({ length: 200 }, (_, i) => `department-of-machine-learning-${i}`)
  const provider = sessions({ groups: new ConfiguredGroups(names), accounts: [marked] })
  const value = provider.begin(
    { name: 'é'.repeat(127), provider: 'oidc', groups: names },
    undefined,
    'a mark',
  )
  expect(`__Host-htgate=${value}`.length).toBeLessThan(500)
  expect(provider.remembered(cookie(value))?.groups).toHaveLength(200)
})

test('sessions of another gate, key or kind of seal are rejected', () => {
  const value = sessions().begin(ann)
  expect(sessions({ seals: new Seals([B], 'gate') }).remembered(cookie(value))).toBeUndefined()
  expect(sessions({ seals: new Seals([A], 'other') }).remembered(cookie(value))).toBeUndefined()
  const login = new Seals([A], 'gate').seal('login', 'x')
  expect(new Seals([A], 'gate').open('session', login)).toBeUndefined()
  expect(new Seals([A], 'gate').open('login', login)?.toString()).toBe('x')
})

test('any changed bit, and any other spelling, is rejected', () => {
  const provider = sessions()
  const value = provider.begin(ann)
  const bytes = Buffer.from(value, 'base64url')
  for (let i = 0; i < bytes.length * 8; i++) {
    const changed = Buffer.from(bytes)
    changed[i >> 3] = (changed[i >> 3] as number) ^ (1 << (i & 7))
    expect(provider.remembered(cookie(changed.toString('base64url')))).toBeUndefined()
  }
  for (const other of [
    `${value}=`,
    `${value} `,
    value.slice(0, -1),
    `${value}A`,
    '',
    'A',
    'A'.repeat(4000),
  ]) {
    expect(provider.remembered(cookie(other))).toBeUndefined()
  }
})

test('a truncated tag is rejected', () => {
  const key = randomBytes(32)
  const sealed = createCipheriv('aes-256-gcm', key, randomBytes(12))
  sealed.final()
  const value = Buffer.from(sessions().begin(ann), 'base64url')
  for (const length of [4, 8, 12]) {
    expect(sessions().remembered(cookie(value.subarray(0, -length).toString('base64url')))).toBeUndefined()
  }
})

test('a new secret above the old one ends no session; removing the old one does', () => {
  const old = sessions().begin(ann)
  const both = sessions({ seals: new Seals([B, A], 'gate') })
  expect(both.remembered(cookie(old))).toBeDefined()
  const fresh = both.begin(ann)
  expect(sessions().remembered(cookie(fresh))).toBeUndefined()
  both.renewSeals(new Seals([B], 'gate'))
  expect(both.epoch).toBe(1)
  expect(both.remembered(cookie(old))).toBeUndefined()
  expect(both.remembered(cookie(fresh))).toBeDefined()
})

test('sessions are invalid once other groups are configured', () => {
  const value = sessions().begin(ann)
  expect(sessions({ groups: new ConfiguredGroups(['ml']) }).remembered(cookie(value))).toBeUndefined()
  expect(sessions({ groups: new ConfiguredGroups(['staff', 'ml']) }).remembered(cookie(value))).toBeDefined()
})

test('a shorter TTL applies to existing sessions, too', () => {
  let now = 1_790_000_000_000
  const value = sessions({ now: () => now }).begin(ann)
  now += HOUR / 2
  expect(sessions({ now: () => now, ttl: HOUR / 4 }).remembered(cookie(value))).toBeUndefined()
  expect(sessions({ now: () => now, ttl: 2 * HOUR }).remembered(cookie(value))).toBeDefined()
})

test('a logout ends only its own session', () => {
  const provider = sessions()
  const [first, second] = [provider.begin(ann), provider.begin(ann)]
  const ended = provider.logOut(first)
  expect(provider.remembered(cookie(first))).toBeUndefined()
  expect(provider.remembered(cookie(second))).toBeDefined()
  expect(provider.epoch).toBe(1)
  const other = sessions()
  expect(other.remembered(cookie(first))).toBeDefined()
  other.end(JSON.parse(JSON.stringify(ended)))
  expect(other.remembered(cookie(first))).toBeUndefined()
  expect(provider.logOut('nonsense')).toBeUndefined()
})

test('an issuer ends one session by its sid, or all by the account’s sub, but not those that begin later', () => {
  let now = 1_790_000_000_000
  const provider = sessions({ now: () => now })
  const begin = (sid: string | undefined, sub: string) => cookie(provider.begin(ann, { sid, sub }))
  const isGood = (each: ReturnType<typeof begin>) => provider.remembered(each) !== undefined
  const [one, two, other, nameless] = [
    begin('1', 'ann'),
    begin('2', 'ann'),
    begin('3', 'bob'),
    begin(undefined, 'ann'),
  ]
  const byHand = cookie(provider.begin(ann))
  expect(provider.logOutBy({ sid: '1' }, now, 'a')).toBeDefined()
  expect([one, two, other, nameless, byHand].map(isGood)).toEqual([false, true, true, true, true])
  // A silent renewal that was under way begins no new session.
  now += 2000
  expect(isGood(begin('1', 'ann'))).toBe(false)
  // With both, the session that it names, and those whose login had no name.
  expect(provider.logOutBy({ sid: '4', sub: 'ann' }, now, 'b')).toBeDefined()
  expect([two, other, nameless, byHand].map(isGood)).toEqual([true, true, false, true])
  const ending = provider.logOutBy({ sub: 'ann' }, now, 'c')
  expect([two, other, byHand].map(isGood)).toEqual([false, true, true])
  now += 2000
  const later = begin('5', 'ann')
  expect(isGood(later)).toBe(true)
  expect(provider.logOutBy({ sub: 'ann' }, now, 'c')).toBeUndefined()
  expect(isGood(later)).toBe(true)

  // Another process learns of it by message; a restarted one does not know it.
  const process = sessions({ now: () => now })
  expect(process.remembered(two)).toBeDefined()
  process.end(JSON.parse(JSON.stringify(ending)))
  expect(process.remembered(two)).toBeUndefined()
  expect(process.logOutBy({ sub: 'ann' }, now, 'c')).toBeUndefined()
})

test('ended sessions are forgotten when they would have expired, and bounded', () => {
  const ended = new EndedSessions()
  const session = (id: string) => ({ ...ann, id, user: 'ann', origin: {}, issued: 0, expires: 0 })
  ended.add({ id: 'first', until: 10 }, 0)
  ended.add({ id: 'second', until: 1000 }, 5)
  expect(ended.has(session('first'))).toBe(true)
  ended.add({ id: 'third', until: 1000 }, 20)
  expect(['first', 'second', 'third'].map((id) => ended.has(session(id)))).toEqual([false, true, true])
  for (let i = 0; i < 100_000; i++) ended.add({ id: `${i}`, until: 1000 }, 30)
  expect(ended.has(session('second'))).toBe(false)
  expect(ended.has(session('99999'))).toBe(true)
})

test('if the account can be looked up, the session ends with it', async () => {
  let account: Account = { name: 'ann', provider: 'file', groups: ['ml'] }
  const provider1 = sessions({ accounts: [accountsProvider('file', () => account)] })
  const value = provider1.begin({ ...account })
  expect(provider1.remembered(cookie(value))?.groups).toEqual(['ml'])
  account = { name: 'ann', provider: 'file', groups: ['staff'] }
  expect(provider1.remembered(cookie(value))?.groups).toEqual(['staff'])
  account = 'unavailable'
  expect(await provider1.verify(cookie(value))).toMatchObject({ reason: 'unavailable' })
  account = 'unknown'
  expect(await provider1.verify(cookie(value))).toMatchObject({ reason: 'denied' })
  expect(sessions().remembered(cookie(value))).toBeUndefined()
})

test('a session that began with a password ends when the password changes', async () => {
  const account: Account = { name: 'ann', provider: 'file', groups: ['ml'] }
  let mark: string | undefined = 'first'
  const file = { ...accountsProvider('file', () => account), passwordMark: () => mark }
  const asked = sessions({ accounts: [file] })
  const value = asked.begin(account, undefined, await asked.markOf(account))
  const later = asked.begin(account)
  for (const now of [asked, sessions({ accounts: [file] })]) {
    mark = 'first'
    expect(now.remembered(cookie(value))).toBeDefined()
    mark = 'second'
    expect(now.remembered(cookie(value))).toBeUndefined()
    expect(await now.verify(cookie(value))).toMatchObject({ reason: 'denied', candidate: 'ann' })
    mark = undefined
    expect(now.remembered(cookie(value))).toBeUndefined()
    // One that began when the provider could not look up the password's mark.
    expect(now.remembered(cookie(later))).toBeDefined()
  }
  mark = 'first'
  const slow = { ...file, passwordMark: async () => mark }
  const waits = sessions({ accounts: [slow] })
  expect(waits.remembered(cookie(value))).toBeUndefined()
  expect(await waits.verify(cookie(value))).toMatchObject({ ok: true })
  mark = 'second'
  expect(await waits.verify(cookie(value))).toMatchObject({ ok: false })
})

test('a form’s code is bound to its user and valid for hours', () => {
  const seals = new Seals([A], 'gate')
  const now = 1_790_000_000_000
  const code = seals.formCode('oidc\nann', now)
  expect(seals.isFormCode(code, 'oidc\nann', now + 11 * HOUR)).toBe(true)
  expect(seals.isFormCode(code, 'oidc\nann', now + 14 * HOUR)).toBe(false)
  expect(seals.isFormCode(code, 'oidc\nbob', now)).toBe(false)
  expect(seals.isFormCode('', 'oidc\nann', now)).toBe(false)
  expect(new Seals([B, A], 'gate').isFormCode(code, 'oidc\nann', now)).toBe(true)
  expect(new Seals([B], 'gate').isFormCode(code, 'oidc\nann', now)).toBe(false)
})

test('a secret file holds a secret per line', () => {
  expect(parseSecrets(`# new\n${B}\n\n  ${A}  \n`)).toEqual([B, A])
  expect(() => parseSecrets('')).toThrow('the file has no secret')
  expect(() => parseSecrets(`${A}\nshort\n`)).toThrow('line 2 is shorter than 32 characters')
})

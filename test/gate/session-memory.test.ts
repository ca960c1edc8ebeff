import { Agent } from 'node:http'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Account } from '../../src/auth/provider.js'
import { BrowserLogin } from '../../src/auth/providers/oidc/browser-login.js'
import { Issuer } from '../../src/auth/providers/oidc/issuer.js'
import { SessionProvider } from '../../src/auth/sessions/provider.js'
import { Seals } from '../../src/auth/sessions/seal.js'
import { ConfiguredGroups } from '../../src/auth/sessions/session.js'
import { AccountPages } from '../../src/gate/pages/account.js'
import { GatePages } from '../../src/gate/pages/gate-pages.js'
import { LoginPages } from '../../src/gate/pages/login.js'
import { Pages, subjectOf } from '../../src/gate/pages/pages.js'
import { RememberedLogin } from '../../src/gate/remembered-login.js'
import { none } from '../../src/policy/profile.js'
import { type RequestOptions, request, startUpstream, valuesOf } from '../support/gate.js'
import { openGate } from '../support/gate-in-process.js'
import { basic } from '../support/requests.js'
import { TableProvider } from '../support/table-provider.js'

// A connection caches the session of its last request for a second, but nothing else.

const HOUR = 3_600_000

/** A table whose accounts can be looked up, like those of a password file. */
class Accounts extends TableProvider {
  account(name: string): Account {
    const row = this.rows.get(name)
    return row ? { name, provider: this.name, groups: row.groups ?? [] } : 'unknown'
  }
}

interface Send extends Omit<RequestOptions, 'agent'> {
  readonly path?: string
}

/** A gate with sessions in front of a server, and one connection to it. */
async function subject({ ttl = HOUR }: { readonly ttl?: number } = {}) {
  const accounts = new Accounts(
    new Map([
      ['ann', { password: 'secret', groups: ['ml'] }],
      ['bob', { password: 'secret', groups: [] as string[] }],
    ]),
  )
  const seals = new Seals(['s'.repeat(32)], 'gate')
  const sessions = new SessionProvider({
    seals,
    groups: new ConfiguredGroups(['ml']),
    ttl,
    accounts: [accounts],
  })
  const fetch = async () => {
    throw new Error('no network')
  }
  const issuer = new Issuer({ url: 'http://127.0.0.1:1', fetch })
  onTestFinished(() => issuer.close())
  const login = new BrowserLogin({
    issuer,
    fetch,
    clientId: 'x',
    scope: 'openid',
    claims: { user: 'sub', groups: 'groups' },
  })
  const upstream = await startUpstream()
  const gate = await openGate({
    providers: [sessions, accounts],
    upstream: upstream.url,
    readers: ['*'],
    writers: ['group:ml'],
    pages: (logins, policy) => {
      const made: Pages = new Pages({
        logins: new LoginPages({
          login,
          sessions,
          seals: () => seals,
          renewAfter: HOUR,
          hasPasswords: true,
          isLogin: (path) => made.isLogin(path),
          onLogin() {},
          onFailure() {},
          onIssuerLogout() {},
        }),
        account: new AccountPages({
          roleOf: (principal) => policy.roleOf(principal),
          groupsOf: ({ groups }) => groups,
          formCode: (login) => seals.formCode(subjectOf(login)),
          canLookUp: () => true,
          logoutOrigins: () => [],
        }),
        seals: () => seals,
        onLogout() {},
      })
      return new GatePages({ pages: made, logins, forwardAuth: false, profile: none, onError() {} })
    },
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  let connections = 0
  const create = agent.createConnection.bind(agent)
  agent.createConnection = (...args) => {
    connections++
    return create(...args)
  }
  const judged = vi.spyOn(sessions, 'remembered')
  return {
    gate,
    accounts,
    sessions,
    seals,
    upstream,
    /** The value of a new session's cookie, on plain HTTP. */
    sessionOf: (name: string) => {
      const groups = accounts.rows.get(name)?.groups ?? []
      return sessions.begin({ name, provider: 'table', groups })
    },
    /** The status of a request on the one connection. */
    send: async ({ path = '/', ...options }: Send = {}) => {
      const { status } = await request(gate.url + path, { agent, ...options })
      expect(connections).toBe(1)
      return status
    },
    /** How often a session has been verified since the last call. */
    verifications: () => {
      const { length } = judged.mock.calls
      judged.mockClear()
      return length
    },
    lastUser: () => valuesOf(upstream.seen.at(-1), 'x-forwarded-user')[0],
  }
}

const cookie = (value: string) => ({ headers: { cookie: `htgate=${value}` } })

test('a session is verified once for requests in quick succession', async () => {
  stopClock()
  const { send, sessionOf, verifications, lastUser } = await subject()
  const ann = cookie(sessionOf('ann'))
  for (let i = 0; i < 5; i++) expect(await send(ann)).toBe(200)
  expect(verifications()).toBe(1)
  expect(lastUser()).toBe('ann')
})

test('after a logout, the same cookie on the same connection is refused', async () => {
  const { send, sessionOf, seals, gate } = await subject()
  const value = sessionOf('ann')
  const others = sessionOf('ann')
  expect(await send(cookie(value))).toBe(200)
  const principal = { name: 'ann', provider: 'table', groups: ['ml'] }
  const code = seals.formCode(subjectOf({ principal, kind: 'session' }))
  const logout = {
    path: '/.htgate/logout',
    method: 'POST',
    headers: {
      cookie: `htgate=${value}`,
      origin: gate.url,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ code }).toString(),
  }
  expect(await send(logout)).toBe(303)
  expect(await send(cookie(value))).toBe(401)
  expect(await send(cookie(others))).toBe(200)
})

test('a session that is ended elsewhere is refused at the next request', async () => {
  const { send, sessionOf, sessions } = await subject()
  const value = sessionOf('ann')
  expect(await send(cookie(value))).toBe(200)
  sessions.logOut(value)
  expect(await send(cookie(value))).toBe(401)
})

test('another cookie is verified again, whether or not it is the same user’s', async () => {
  stopClock()
  const { send, sessionOf, verifications, lastUser } = await subject()
  const [ann, bob] = [sessionOf('ann'), sessionOf('bob')]
  expect(await send(cookie(ann))).toBe(200)
  expect(await send(cookie(bob))).toBe(200)
  expect(lastUser()).toBe('bob')
  expect(await send(cookie(ann))).toBe(200)
  expect(lastUser()).toBe('ann')
  expect(verifications()).toBe(3)
  // As long as the real one.
  const last = ann.at(-1) === 'A' ? 'Q' : 'A'
  expect(await send(cookie(ann.slice(0, -1) + last))).toBe(401)
  expect(await send()).toBe(401)
  expect(await send({ headers: { cookie: 'theme=dark' } })).toBe(401)
  expect(await send(cookie(ann))).toBe(200)
})

test('the same cookie for another host or scheme is verified again', async () => {
  stopClock()
  const { send, sessionOf, verifications } = await subject()
  const value = sessionOf('ann')
  const both = `htgate=${value}; __Host-htgate=${value}`
  const with_ = (headers: Record<string, string>) => send({ headers: { cookie: both, ...headers } })
  expect(await with_({})).toBe(200)
  expect(await with_({ host: 'localhost' })).toBe(200)
  expect(await with_({ 'x-forwarded-proto': 'https' })).toBe(200)
  expect(await with_({ 'x-forwarded-host': 'localhost' })).toBe(200)
  expect(verifications()).toBe(4)

  // Where the cookie does not count: plain HTTP to another host, and the cookie of plain HTTP over HTTPS.
  const plain = cookie(value)
  expect(await send(plain)).toBe(200)
  expect(await send({ headers: { ...plain.headers, host: 'mlflow.example.org' } })).toBe(401)
  expect(await send(plain)).toBe(200)
  expect(await send({ headers: { ...plain.headers, 'x-forwarded-host': 'mlflow.example.org' } })).toBe(401)
  expect(await send(plain)).toBe(200)
  expect(await send({ headers: { ...plain.headers, 'x-forwarded-proto': 'https' } })).toBe(401)
})

test('a deleted account, other groups and changed keys count at the next request', async () => {
  const { send, sessionOf, sessions, accounts } = await subject()
  const value = sessionOf('ann')
  const write = { method: 'POST', ...cookie(value) }
  expect(await send(write)).toBe(200)
  accounts.rows.set('ann', { password: 'secret', groups: [] })
  accounts.changed()
  expect(await send(write)).toBe(403)
  expect(await send(cookie(value))).toBe(200)
  accounts.rows.set('ann', { password: 'secret', groups: ['ml'] })
  accounts.changed()
  expect(await send(write)).toBe(200)
  accounts.rows.delete('ann')
  accounts.changed()
  expect(await send(write)).toBe(401)
  accounts.rows.set('ann', { password: 'secret', groups: ['ml'] })
  accounts.changed()
  expect(await send(write)).toBe(200)
  sessions.renewSeals(new Seals(['t'.repeat(32)], 'gate'))
  expect(await send(write)).toBe(401)
})

test('an account that changes without notice, as a directory’s, counts after a second', async () => {
  const elapse = stopClock()
  const { send, sessionOf, accounts } = await subject()
  const ann = cookie(sessionOf('ann'))
  expect(await send(ann)).toBe(200)
  accounts.rows.delete('ann')
  elapse(999)
  expect(await send(ann)).toBe(200)
  elapse(1)
  expect(await send(ann)).toBe(401)
})

test('a session that expires within that second is remembered no longer than it lasts', async () => {
  const elapse = stopClock(1_790_000_000_000)
  const { send, sessionOf } = await subject({ ttl: 2000 })
  const ann = cookie(sessionOf('ann'))
  elapse(1600)
  expect(await send(ann)).toBe(200)
  elapse(399)
  expect(await send(ann)).toBe(200)
  elapse(1)
  expect(await send(ann)).toBe(401)
})

test('an Authorization header is never mistaken for a session, nor the reverse', async () => {
  const { send, sessionOf, gate, lastUser } = await subject()
  const value = sessionOf('ann')
  const { host } = new URL(gate.url)
  const shown = ['', ' ', '\t'].map((between) => ['http', host, '', `htgate=${value}`].join(between))
  expect(await send(cookie(value))).toBe(200)
  for (const authorization of [...shown, `http ${host} undefined htgate=${value}`, `htgate=${value}`]) {
    expect(await send({ headers: { authorization } })).toBe(401)
    expect(await send(cookie(value))).toBe(200)
  }
  // Unknown to every provider: the session is used instead, and is not cached under it.
  const other = { authorization: 'Negotiate x' }
  expect(await send({ headers: { ...cookie(value).headers, ...other } })).toBe(200)
  expect(await send({ headers: other })).toBe(401)
  // A password takes precedence over the cookie, a wrong one too.
  const bob = { authorization: basic('bob', 'secret') }
  expect(await send({ headers: { ...cookie(value).headers, ...bob } })).toBe(200)
  expect(lastUser()).toBe('bob')
  expect(await send(cookie(value))).toBe(200)
  expect(lastUser()).toBe('ann')
  const wrong = { authorization: basic('bob', 'wrong!') }
  expect(await send({ headers: { ...cookie(value).headers, ...wrong } })).toBe(401)
  expect(await send({ headers: { cookie: bob.authorization } })).toBe(401)
})

test('a remembered login holds only for its header, its epoch and its time', () => {
  const principal = { name: 'ann', provider: 'file', groups: [] }
  const credential = { kind: 'session', value: 'x' } as const
  const login = new RememberedLogin('shown', credential, principal, 7, 5000)
  expect(login.holds('shown', 7, 5000)).toBe(true)
  expect(login.holds('shown', 7, 5999)).toBe(true)
  expect(login.holds('shown', 7, 6000)).toBe(false)
  expect(login.holds('shown', 8, 5000)).toBe(false)
  for (const other of ['showm', 'shown ', 'show', '', undefined, ['shown'], ['shown', 'shown']]) {
    expect(login.holds(other, 7, 5000)).toBe(false)
  }
  const expired = { ...principal, expiresAt: Date.now() - 1 }
  expect(new RememberedLogin('shown', credential, expired, 7, 5000).holds('shown', 7, 5000)).toBe(false)
})

/** Stops the clocks that logins depend on, but no timers; returns a function that advances them by milliseconds. */
function stopClock(now = Date.now()): (ms: number) => void {
  vi.useFakeTimers({ toFake: ['performance', 'Date'], now })
  onTestFinished(() => void vi.useRealTimers())
  return (ms) => void vi.advanceTimersByTime(ms)
}

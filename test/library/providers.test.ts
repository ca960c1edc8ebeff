import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AuthenticatorOptions, createAuthenticator, hash, middleware } from '../../src/index.js'
import { authenticatorFor } from '../support/authenticator.js'
import { basic } from '../support/requests.js'
import { TableProvider } from '../support/table-provider.js'

// A second way to log in needs only a provider object.

const tableOf = () => new TableProvider(new Map([['tom', { password: 'secret', groups: ['staff'] }]]))
const TOM = { name: 'tom', provider: 'table', groups: ['staff'] }

async function authenticatorOver(options: AuthenticatorOptions) {
  const authenticator = await createAuthenticator(options)
  onTestFinished(() => authenticator.close())
  return authenticator
}

describe('a custom provider', () => {
  test('works alone, with the fast path and the counters', async () => {
    const subject = await authenticatorOver({ providers: [tableOf()] })
    expect(await subject.authenticate(basic('tom', 'secret'))).toEqual({
      ok: true,
      user: 'tom',
      principal: TOM,
    })
    expect(subject.authenticate(basic('tom', 'secret'))).toMatchObject({ ok: true })
    expect(subject.remembered(basic('tom', 'secret'))).toMatchObject({ ok: true })
    expect(await subject.authenticate(basic('tom', 'wrong'))).toEqual({
      ok: false,
      reason: 'denied',
      user: 'tom',
    })
    expect(subject.counters()).toMatchObject({ hits: 2, misses: 2, denied: 1, hashes: 0 })
    expect(subject.loginCounters().providers.table?.results).toMatchObject({
      remembered: 2,
      verified: 1,
      denied: 1,
    })
  })

  test('works after a password file, which handles its own users', async () => {
    const table = tableOf()
    table.rows.set('ann', { password: 'table' })
    const subject = await authenticatorFor([`ann:${await hash('file', { scheme: 'sha1' })}`], {
      providers: [table],
    })
    expect(await subject.authenticate(basic('ann', 'file'))).toMatchObject({
      principal: { provider: 'file' },
    })
    expect(await subject.authenticate(basic('ann', 'table'))).toMatchObject({ ok: false, reason: 'denied' })
    expect(await subject.authenticate(basic('tom', 'secret'))).toMatchObject({ principal: TOM })
    expect(subject.authenticate(basic('tom', 'secret'))).toMatchObject({ principal: TOM })
  })

  test('works before a password file, if it comes first in the options', async () => {
    const table = tableOf()
    table.rows.set('ann', { password: 'table' })
    const { file } = await authenticatorFor([`ann:${await hash('file', { scheme: 'sha1' })}`])
    const subject = await authenticatorOver({ providers: [table], file })
    expect(await subject.authenticate(basic('ann', 'table'))).toMatchObject({
      principal: { provider: 'table' },
    })
    expect(await subject.authenticate(basic('ann', 'file'))).toMatchObject({ ok: false })
  })

  test('is subject to the login limiter', async () => {
    const subject = await authenticatorOver({ providers: [tableOf()], limiter: { failures: 1 } })
    expect(await subject.authenticate(basic('tom', 'wrong'), '192.0.2.1')).toMatchObject({ reason: 'denied' })
    expect(await subject.authenticate(basic('tom', 'secret'), '192.0.2.1')).toEqual({
      ok: false,
      reason: 'limited',
      user: 'tom',
      retryAfter: 300,
    })
    expect(await subject.authenticate(basic('tom', 'secret'), '192.0.2.2')).toMatchObject({ ok: true })
    expect(subject.counters().limited).toBe(1)
  })

  test('can revoke logins, change groups, and let logins expire', async () => {
    const table = tableOf()
    const subject = await authenticatorOver({ providers: [table] })
    const header = basic('tom', 'secret')
    await subject.authenticate(header)
    let changes = 0
    subject.onChange(() => changes++)
    expect(await subject.recheck(header, TOM)).toEqual(TOM)

    table.rows.set('tom', { password: 'secret', groups: [], expiresAt: Date.now() + 60_000 })
    table.changed()
    const now = await subject.recheck(header, TOM)
    expect(now).toMatchObject({ groups: [], expiresAt: expect.any(Number) })
    table.rows.set('tom', { password: 'secret', expiresAt: Date.now() - 1 })
    table.changed()
    expect(await subject.recheck(header, TOM)).toBeUndefined()
    expect(await subject.authenticate(header)).toMatchObject({ ok: false, reason: 'denied' })
    expect(changes).toBe(2)
  })

  test('is closed with the authenticator', async () => {
    const table = tableOf()
    let closed = 0
    table.close = async () => void closed++
    const subject = await authenticatorOver({ providers: [table] })
    await subject.close()
    expect(closed).toBe(1)
    expect(subject.authenticate(basic('tom', 'secret'))).toMatchObject({ reason: 'unavailable' })
  })

  test('serves in the middleware: 200 with the principal, 401, and 429 with Retry-After', async () => {
    const guard = middleware(await authenticatorOver({ providers: [tableOf()], limiter: { failures: 1 } }))
    const server = createServer((request, response) => {
      guard(request, response, () =>
        response.end(JSON.stringify((request as { principal?: unknown }).principal)),
      )
    })
    onTestFinished(() => void server.close())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const get = (password: string) =>
      fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
        headers: { authorization: basic('tom', password) },
      })
    expect(await (await get('secret')).json()).toEqual(TOM)
    expect((await get('wrong')).status).toBe(401)
    const limited = await get('another')
    expect(limited.status).toBe(429)
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(290)
    expect((await get('secret')).status).toBe(200)
  })
})

describe('groups of the password file’s users', () => {
  test('are in the principal, and a change is announced for open connections', async () => {
    let groups = ['staff']
    const listeners: (() => void)[] = []
    const subject = await authenticatorFor([`ann:${await hash('secret', { scheme: 'sha1' })}`], {
      groups: { groupsOf: () => groups, onChange: (listener) => void listeners.push(listener) },
    })
    const verdict = await subject.authenticate(basic('ann', 'secret'))
    expect(verdict).toMatchObject({ principal: { groups: ['staff'] } })
    let changes = 0
    subject.onChange(() => changes++)
    groups = ['staff', 'admins']
    for (const listener of listeners) listener()
    expect(changes).toBe(1)
    const principal = { name: 'ann', provider: 'file', groups: ['staff'] }
    expect(await subject.recheck(basic('ann', 'secret'), principal)).toEqual({ ...principal, groups })
  })
})

test.each([
  ['providers', { providers: [] }],
  ['providers', { providers: [{}] }],
  ['providers', { providers: [tableOf(), tableOf()] }],
  ['providers', { file: 'x', providers: [new TableProvider(new Map(), 'file')] }],
  ['maxHashCost', { file: 'x', maxHashCost: 40 }],
  ['rehash', { file: 'x', rehash: { cost: 15 } }],
  ['key', { file: 'x', key: Buffer.alloc(3) }],
  ['limiter', { file: 'x', limiter: 3 }],
  ['limiter.failures', { file: 'x', limiter: { failures: -1 } }],
  ['limiter.onRecord', { file: 'x', limiter: { onRecord: 1 } }],
])('an invalid option %s is rejected by name', async (name, options) => {
  await expect(createAuthenticator(options as AuthenticatorOptions)).rejects.toMatchObject({
    code: 'ERR_OPTION',
    message: expect.stringContaining(`option ${name} `),
  })
})

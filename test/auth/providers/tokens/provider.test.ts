import { appendFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Credential } from '../../../../src/auth/credential.js'
import type { Account, Provider } from '../../../../src/auth/provider.js'
import { TokenProvider, type TokenProviderOptions } from '../../../../src/auth/providers/tokens/provider.js'
import { HEADER, idOf, parse, recordOf, serialize } from '../../../../src/auth/providers/tokens/records.js'
import { listTokens, TokenTable } from '../../../../src/auth/providers/tokens/table.js'
import { makeToken } from '../../../../src/auth/providers/tokens/token.js'
import {
  createToken,
  type NewToken,
  readTokens,
  recordUpdates,
  revokeTokens,
} from '../../../../src/auth/providers/tokens/token-file.js'
import { accountsProvider } from '../../../support/accounts-provider.js'
import { temporaryFolder } from '../../../support/folder.js'
import { countTurns } from '../../../support/turns.js'

const DAY = 86_400_000
const bearer = (token: string): Credential => ({ kind: 'bearer', token })
const basic = (name: string, password: string): Credential => ({
  kind: 'basic',
  name,
  user: Buffer.from(name),
  password: Buffer.from(password),
})
const inFile = () => join(temporaryFolder(), 'tokens')

async function open(options: TokenProviderOptions): Promise<TokenProvider> {
  const provider = new TokenProvider(options)
  await provider.start()
  onTestFinished(() => provider.close())
  return provider
}

/** A provider of accounts that a test can change. */
const accounts = (name: string, table: Map<string, Account>, isAsync = false): Provider =>
  accountsProvider(name, (user) => {
    const account = table.get(user) ?? 'unknown'
    return isAsync ? Promise.resolve(account) : account
  })

const bob = { name: 'bob', provider: 'file', groups: [] }
const alice = { name: 'alice', provider: 'file', groups: ['ml'] }

test('any record is read back as it was written', () => {
  for (const text of [
    'ci',
    '-',
    'with space',
    'a,b',
    '%41',
    'jürgen',
    '日本',
    'repo:org/x:ref:refs/heads/main',
    '#x',
  ]) {
    const record = recordOf(makeToken(), {
      user: text,
      role: 'write',
      created: 1_790_000_000_000,
      expires: 1_790_000_001_000,
      account: text,
      confirmed: undefined,
      groups: [text, `${text} 2`],
      name: text,
      used: Date.parse('2026-01-02'),
    })
    const line = serialize(record).toString()
    expect(line.split('\n')).toHaveLength(2)
    expect(parse(line)).toEqual(record)
  }
})

test('a token created in the file works as a bearer token and as the password of Basic', async () => {
  const file = inFile()
  const { token } = await createToken(file, { user: 'ci', role: 'write' })
  const provider = await open({ file })
  const ci = { name: 'ci', provider: 'token', groups: [], isService: true, maxRole: 'write' }
  for (const credential of [bearer(token), basic('ci', token), basic('', token)]) {
    expect(provider.accepts(credential)).toBe(true)
    expect(provider.remembered(credential)).toMatchObject(ci)
    expect(await provider.verify(credential)).toMatchObject({ ok: true, principal: ci })
  }
  expect(readFileSync(file, 'latin1')).not.toContain(token)
})

test('a principal keeps its identity from request to request', async () => {
  const file = inFile()
  const { token } = await createToken(file, { user: 'alice', role: 'write' })
  const table = new Map<string, Account>([['alice', alice]])
  const provider = await open({ file, accounts: [accounts('file', table)] })
  const first = provider.remembered(bearer(token))
  table.set('alice', { ...alice, groups: ['ml'] })
  expect(provider.remembered(bearer(token))).toBe(first)
  table.set('alice', { ...alice, groups: [] })
  expect(provider.remembered(bearer(token))).toMatchObject({ groups: [] })
})

test('other credentials are ignored', async () => {
  const provider = await open({ file: inFile() })
  expect(provider.accepts(basic('alice', 'secret'))).toBe(false)
  expect(provider.accepts(basic('alice', 'htg_my own password'))).toBe(false)
  expect(provider.accepts(bearer('eyJhbGciOiJSUzI1NiJ9.e30.x'))).toBe(false)
  expect(provider.accepts({ kind: 'session', value: makeToken() })).toBe(false)
})

test('unknown, garbled and expired tokens are denied', async () => {
  const file = inFile()
  let now = Date.now()
  const { token } = await createToken(file, { user: 'ci', role: 'read', expires: now + 60_000 })
  const provider = await open({ file, now: () => now })
  const denied = { ok: false, reason: 'denied' }
  expect(await provider.verify(bearer(makeToken()))).toMatchObject(denied)
  expect(await provider.verify(bearer('htg_'))).toMatchObject(denied)
  expect(await provider.verify(bearer(`${token}x`))).toMatchObject(denied)
  expect(await provider.verify(bearer(token))).toMatchObject({ ok: true })
  now += 61_000
  expect(provider.remembered(bearer(token))).toBeUndefined()
  expect(await provider.verify(bearer(token))).toMatchObject(denied)
})

test('a token has an expiry', async () => {
  const file = inFile()
  const expires = Math.floor(Date.now() / 1000) * 1000 + 60_000
  const { token } = await createToken(file, { user: 'ci', role: 'read', expires })
  const provider = await open({ file })
  expect(provider.remembered(bearer(token))?.expiresAt).toBe(expires)
})

test('a token revoked by another process is rejected after the reload', async () => {
  const file = inFile()
  const { token, record } = await createToken(file, { user: 'ci', role: 'write' })
  await createToken(file, { user: 'ci', role: 'write' })
  const provider = await open({ file })
  const { epoch } = provider
  expect(provider.remembered(bearer(token))).toBeDefined()
  await revokeTokens(file, (each) => idOf(each) === idOf(record))
  await expect.poll(() => provider.remembered(bearer(token)), { timeout: 20_000 }).toBeUndefined()
  expect(provider.epoch).toBeGreaterThan(epoch)
  expect(await readTokens(file)).toHaveLength(1)
})

test('a token created or revoked by the provider itself takes effect at once', async () => {
  const table = new Map<string, Account>([['alice', alice]])
  const provider = await open({ file: inFile(), accounts: [accounts('file', table)] })
  const { token, record } = await provider.create({
    user: 'alice',
    role: 'read',
    name: 'laptop',
    account: 'file',
  })
  expect(provider.remembered(bearer(token))).toBeDefined()
  expect(await provider.list({ ...alice, provider: 'ldap' })).toEqual([])
  expect(await provider.list(alice)).toMatchObject([{ name: 'laptop', role: 'read' }])
  expect(await provider.list(bob)).toEqual([])
  expect(await provider.revoke(bob, idOf(record))).toBe(false)
  expect(provider.remembered(bearer(token))).toBeDefined()
  expect(await provider.revoke(alice, idOf(record))).toBe(true)
  expect(provider.remembered(bearer(token))).toBeUndefined()
})

test('a token has its owner’s current groups, and ends with the account', async () => {
  const file = inFile()
  const table = new Map<string, Account>([['alice', alice]])
  const { token } = await createToken(file, { user: 'alice', role: 'write', account: 'file' })
  const provider = await open({ file, accounts: [accounts('file', table)] })
  expect(provider.remembered(bearer(token))).toMatchObject({ ...alice, maxRole: 'write' })
  table.set('alice', { ...alice, groups: [] })
  expect(provider.remembered(bearer(token))).toMatchObject({ groups: [] })
  table.set('alice', 'unavailable')
  expect(await provider.verify(bearer(token))).toMatchObject({ ok: false, reason: 'unavailable' })
  table.delete('alice')
  expect(provider.remembered(bearer(token))).toBeUndefined()
  expect(await provider.verify(bearer(token))).toMatchObject({ ok: false, reason: 'denied' })
})

test('an account that cannot be looked up synchronously is looked up when the token is verified', async () => {
  const file = inFile()
  const table = new Map<string, Account>([['alice', { ...alice, provider: 'ldap' }]])
  const { token } = await createToken(file, { user: 'alice', role: 'write', account: 'ldap' })
  const provider = await open({ file, accounts: [accounts('ldap', table, true)] })
  expect(provider.remembered(bearer(token))).toBeUndefined()
  expect(await provider.verify(bearer(token))).toMatchObject({ ok: true, principal: { groups: ['ml'] } })
})

test('a token created at a shell for a user with an account ends with it, even after a restart', async () => {
  const file = inFile()
  const table = new Map<string, Account>([['alice', alice]])
  const { token } = await createToken(file, { user: 'alice', role: 'write' })
  const first = await open({ file, accounts: [accounts('file', table)] })
  expect(first.remembered(bearer(token))).toMatchObject(alice)
  table.delete('alice')
  expect(first.remembered(bearer(token))).toBeUndefined()
  await first.close()
  expect((await readTokens(file))[0]?.account).toBe('file')
  const second = await open({ file, accounts: [accounts('file', table)] })
  expect(await second.verify(bearer(token))).toMatchObject({ ok: false, reason: 'denied' })
})

test('a program’s token still works while a directory that never knew it is down', async () => {
  const file = inFile()
  const table = new Map<string, Account>()
  const { token } = await createToken(file, { user: 'ci', role: 'write' })
  const provider = await open({ file, accounts: [accounts('ldap', table, true)] })
  expect(await provider.verify(bearer(token))).toMatchObject({ ok: true, principal: { isService: true } })
  table.set('ci', 'unavailable')
  expect(await provider.verify(bearer(token))).toMatchObject({ ok: true })
})

test('with an issuer, tokens follow the owner’s last login and stop working when it is too old', async () => {
  const file = inFile()
  let now = Date.now()
  const oidc: Provider = { ...accounts('oidc', new Map()) }
  delete (oidc as { account?: unknown }).account
  const owner: NewToken = { user: 'ann', role: 'write', account: 'oidc', groups: ['ml'], confirmed: true }
  const provider = await open({ file, accounts: [oidc], now: () => now })
  const { token } = await provider.create(owner)
  expect(provider.remembered(bearer(token))).toMatchObject({ name: 'ann', provider: 'oidc', groups: ['ml'] })
  now += 29 * DAY
  provider.confirm({ name: 'ann', provider: 'oidc', groups: ['guests'] })
  expect(provider.remembered(bearer(token))).toMatchObject({ groups: ['guests'] })
  await provider.close()

  const again = await open({ file, accounts: [oidc], now: () => now })
  now += 29 * DAY
  expect(again.remembered(bearer(token))).toMatchObject({ groups: ['guests'] })
  now += 2 * DAY
  expect(await again.verify(bearer(token))).toMatchObject({ ok: false, reason: 'denied' })
})

test('the day of a token’s last use is recorded', async () => {
  const file = inFile()
  const { token } = await createToken(file, { user: 'ci', role: 'write' })
  const provider = await open({ file })
  const { epoch } = provider
  provider.remembered(bearer(token))
  expect((await provider.list({ name: 'ci', provider: 'token' }))[0]?.used).toBeDefined()
  await expect.poll(async () => (await readTokens(file))[0]?.used, { timeout: 20_000 }).toBeDefined()
  await provider.reload()
  expect(provider.epoch).toBe(epoch)
  const { mtimeMs } = statSync(file)
  provider.remembered(bearer(token))
  await provider.close()
  expect(statSync(file).mtimeMs).toBe(mtimeMs)
})

test('a missing file has no tokens; one that vanishes is an error', async () => {
  const file = inFile()
  const provider = await open({ file })
  expect(provider.status()).toEqual({ ready: true })
  expect(await provider.verify(bearer(makeToken()))).toMatchObject({ reason: 'denied' })
  const { token } = await provider.create({ user: 'ci', role: 'read' })
  rmSync(file)
  await expect(provider.reload()).rejects.toThrow()
  expect(provider.status()).toMatchObject({ ready: false })
  expect(await provider.verify(bearer(token))).toMatchObject({ reason: 'unavailable' })
})

test('comments and invalid lines are kept, and reported', async () => {
  const file = inFile()
  writeFileSync(file, '# ours\n\nnonsense\n')
  const { token, record } = await createToken(file, { user: 'ci', role: 'read' })
  appendFileSync(file, `${record.digest} root 2026-01-01T00:00:00Z - - - x - - -`)
  const events: string[] = []
  const provider = await open({ file, onEvent: ({ message }) => events.push(message) })
  expect(provider.size).toBe(1)
  await revokeTokens(file, () => true)
  expect(readFileSync(file, 'utf8')).toMatch(/^# ours\n\nnonsense\n[0-9a-f]{64} root /)
  expect(events.join('\n')).toMatch(/lines 3, 5: not a token record, skipped/)
  expect(provider.remembered(bearer(token))).toBeDefined()
})

test('names that could corrupt the file are rejected', async () => {
  const file = inFile()
  for (const user of ['', 'a\nb', 'a\0', 'x'.repeat(256), 'a\u2028b']) {
    await expect(createToken(file, { user, role: 'read' })).rejects.toThrow(RangeError)
  }
  await expect(createToken(file, { user: 'a', role: 'read', name: 'x'.repeat(300) })).rejects.toThrow(
    RangeError,
  )
})

test('twenty writers at once lose nothing', async () => {
  const file = inFile()
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, i) => createToken(file, { user: `u${i}`, role: 'read' })),
  )
  expect(await readTokens(file)).toHaveLength(20)
  await Promise.all([
    ...made.slice(0, 10).map(({ record }) => revokeTokens(file, (each) => each.digest === record.digest)),
    ...made.slice(10).map(({ record }) =>
      recordUpdates(file, {
        used: new Map([[record.digest, Date.now()]]),
        accounts: new Map(),
        confirmed: new Map(),
      }),
    ),
  ])
  const left = await readTokens(file)
  expect(left).toHaveLength(10)
  expect(left.every(({ used }) => used !== undefined)).toBe(true)
})

test('a hundred thousand tokens are looked up without blocking the event loop', async () => {
  const lines: Buffer[] = [Buffer.from(HEADER)]
  const tokens: string[] = []
  for (let i = 0; i < 100_000; i++) {
    const token = makeToken()
    if (i % 1000 === 0) tokens.push(token)
    lines.push(
      serialize(
        recordOf(token, { user: `user${i}`, role: 'read', created: 1_790_000_000_000, groups: [], name: '' }),
      ),
    )
  }
  const bytes = Buffer.concat(lines)
  const { result: table, turns } = await countTurns(() => TokenTable.build(bytes))
  expect(table.size).toBe(100_000)
  expect(turns).toBeGreaterThan(2)
  for (const [i, token] of tokens.entries()) {
    expect(table.get(recordOf(token, {} as never).digest)?.user).toBe(`user${i * 1000}`)
  }
  expect(table.get('0'.repeat(64))).toBeUndefined()
  expect((await listTokens(bytes, 'user5')).length).toBe(1)
})

test('a large file is edited in a thread: tokens can be created, used and revoked', async () => {
  const file = inFile()
  const line = (i: number) =>
    serialize(recordOf(makeToken(), { user: `user${i}`, role: 'read', created: DAY, groups: [], name: 'x' }))
  writeFileSync(file, Buffer.concat(Array.from({ length: 12_000 }, (_, i) => line(i))))
  expect(statSync(file).size).toBeGreaterThan(1024 * 1024)
  const before = readFileSync(file, 'utf8')
  const provider = await open({ file, accounts: [accounts('file', new Map([['bob', bob]]))] })
  const { token, record } = await provider.create({ user: 'bob', role: 'read', account: 'file' })
  expect(provider.remembered(bearer(token))).toMatchObject({ name: 'bob' })
  const today = new Date().toISOString().slice(0, 10)
  await expect
    .poll(async () => (await readTokens(file, 'bob'))[0]?.used, { timeout: 20_000 })
    .toBe(Date.parse(today))
  expect(readFileSync(file, 'utf8').startsWith(before)).toBe(true)
  await expect(provider.create({ user: 'a\nb', role: 'read' })).rejects.toThrow(RangeError)
  expect(await provider.revoke(bob, '0123456789abcdef')).toBe(false)
  expect(await provider.revoke(bob, idOf(record))).toBe(true)
  expect(provider.remembered(bearer(token))).toBeUndefined()
  expect(readFileSync(file, 'utf8')).toBe(before)
}, 60_000)

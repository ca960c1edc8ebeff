import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LdapOptions } from '../../../../src/auth/providers/ldap/index.js'
import { describeWith } from '../../../support/peers.js'
import { probabilityOfLarger } from '../../../support/ranks.js'
import {
  BASE,
  GROUPS,
  group,
  PEOPLE,
  person,
  SERVICE,
  type Slapd,
  startSlapd,
  UNDER_POLICY,
} from '../../../support/slapd.js'
import { basic, directory, until } from './support.js'

const COMMA = `cn=Doe\\, \\"J\\" \\+ \\#1\\;\\\\,${PEOPLE}`
const LONG = 'x'.repeat(1000)
const ENTRIES = [
  person('alice', 'wonderland', { mail: 'alice@example.org', employeeNumber: '7' }),
  person('bob', 'builder', { mail: 'shared@example.org' }),
  person('eve', 'evil', { mail: 'shared@example.org' }),
  person('carol', LONG),
  person('山田', 'パスワード太郎'),
  person('François', 'où est-il?'),
  { ...person('comma', 'secret'), dn: COMMA, cn: 'Doe, "J" + #1;\\' },
  { ...person('nopassword', 'x'), userPassword: '{CRYPT}*' },
  { ...person('star', 'secret'), dn: `uid=a\\2a(b)\\5c,${PEOPLE}`, uid: 'a*(b)\\' },
  person('locked', 'secret', UNDER_POLICY),
  person('expired', 'secret', { ...UNDER_POLICY, pwdChangedTime: '20200101000000Z' }),
  person('reset', 'secret', { ...UNDER_POLICY, pwdReset: 'TRUE' }),
  ...Array.from({ length: 1500 }, (_, i) => person(`user${i}`, `secret${i}`)),
]

describeWith(['slapd', 'ldapmodify'], 'OpenLDAP', () => {
  let slapd: Slapd
  let passwordFile: string
  const options = (more: Partial<LdapOptions> = {}): LdapOptions => ({
    url: `${slapd.url}/${PEOPLE}?uid?sub?(objectClass=inetOrgPerson)`,
    bindDn: SERVICE.dn,
    bindPasswordFile: passwordFile,
    ...more,
  })

  beforeAll(async () => {
    slapd = await startSlapd({ entries: ENTRIES })
    passwordFile = join(slapd.folder, 'password')
    writeFileSync(passwordFile, `${SERVICE.password}\n`)
    const dn = (name: string) => `uid=${name},${PEOPLE}`
    await slapd.modify(group('ML-Team', 'groupOfNames', 'member', [dn('alice'), dn('bob'), COMMA]))
    await slapd.modify(group('staff, all', 'groupOfNames', 'member', [dn('alice')]))
    await slapd.modify(group('unique', 'groupOfUniqueNames', 'uniqueMember', [dn('alice')]))
    await slapd.modify(group('posix', 'posixGroup', 'memberUid', ['alice', 'a*(b)\\']))
  })
  afterAll(() => slapd?.end())

  test('accepts the right password, with the groups in memberOf', async () => {
    const { who, provider } = await directory(options())
    expect(await who('alice', 'wonderland')).toBe('alice ML-Team staff, all')
    expect(await who('alice', 'wrong')).toBe('denied')
    expect(await who('nobody', 'wonderland')).toBe('unknown')
    expect(provider.status()).toEqual({ ready: true })
  })

  test('the name is spelled as in the directory', async () => {
    const { who } = await directory(options())
    expect(await who('ALICE', 'wonderland')).toMatch(/^alice /)
    const byMail = { url: `${slapd.url}/${PEOPLE}?mail`, userAttribute: 'uid' }
    expect(await (await directory(options(byMail))).who('Alice@example.org', 'wonderland')).toMatch(/^alice /)
  })

  test('groups are searched under --ldap-group-base', async () => {
    const groups = { groupBase: GROUPS }
    expect(await (await directory(options(groups))).who('alice', 'wonderland')).toBe(
      'alice ML-Team posix staff, all unique',
    )
    const filter = { ...groups, groupFilter: '(cn=ml-*)' }
    expect(await (await directory(options(filter))).who('alice', 'wonderland')).toBe('alice ML-Team')
    const attribute = { ...groups, groupAttribute: 'memberUid' }
    expect(await (await directory(options(attribute))).who('alice', 'wonderland')).toBe('alice posix')
    const whole = { ...groups, groupFilter: '(|(memberUid={user})(uniqueMember={dn}))' }
    expect(await (await directory(options(whole))).who('alice', 'wonderland')).toBe('alice posix unique')
  })

  test.each([
    ['山田', 'パスワード太郎', '山田'],
    ['François', 'où est-il?', 'François'],
    ['comma', 'secret', 'comma ML-Team'],
    ['a*(b)\\', 'secret', 'a*(b)\\ posix'],
    ['carol', LONG, 'carol'],
  ])('special characters: %s', async (name, password, expected) => {
    const { who } = await directory(options({ groupBase: GROUPS }))
    expect(await who(name, password)).toBe(expected)
    expect(await who(name, `${password}!`)).toBe('denied')
    expect(await who(name, password.slice(0, -1))).toBe('denied')
  })

  test('a name is a value, never a part of the filter', async () => {
    const { who } = await directory(options())
    for (const name of [
      '*',
      'al*',
      'alice)(uid=*',
      '*)(uid=*))(|(uid=*',
      '\\61lice',
      'alice\\',
      '(alice)',
      'alice\0',
      'alice\0x',
    ]) {
      expect(await who(name, 'wonderland')).toBe('unknown')
    }
    expect(await who('', 'wonderland')).toBe('unknown')
    expect(await who('x'.repeat(300), 'wonderland')).toBe('unknown')
  })

  test('rejects passwords that are empty, or that servers would truncate or misread', async () => {
    const { who } = await directory(options())
    expect(await who('alice', '')).toBe('denied')
    expect(await who('alice', 'wonderland\0')).toBe('denied')
    expect(await who('alice', '\0')).toBe('denied')
    expect(await who('alice', Buffer.from('wonderl\xe4nd', 'latin1'))).toBe('denied')
    expect(await who('nobody', '')).toBe('unknown')
    expect(await who('nopassword', 'x')).toBe('denied')
  })

  test('a name with two entries is rejected', async () => {
    const { who, messages } = await directory(options({ url: `${slapd.url}/${PEOPLE}?mail` }))
    expect(await who('shared@example.org', 'builder')).toBe('denied')
    expect(await who('shared@example.org', 'evil')).toBe('denied')
    expect(messages()).toContain('"shared@example.org": more than one entry matches')
  })

  test('the filter of the URL decides who may log in', async () => {
    const { who } = await directory(
      options({ url: `${slapd.url}/${PEOPLE}?uid?sub?(memberOf=cn=ML-Team,${GROUPS})` }),
    )
    expect(await who('bob', 'builder')).toBe('bob ML-Team')
    expect(await who('eve', 'evil')).toBe('unknown')
    const french = await directory(options({ url: `${slapd.url}/${PEOPLE}?uid??(cn=Fran\\c3\\a7ois)` }))
    expect(await french.who('François', 'où est-il?')).toBe('François')
  })

  test('ldaps and StartTLS, with the authority that signed the certificate', async () => {
    const secure = { url: `${slapd.secureUrl}/${PEOPLE}`, ca: slapd.ca }
    expect(await (await directory(options(secure))).who('alice', 'wonderland')).toMatch(/^alice /)
    const startTls = { startTls: true, ca: slapd.ca }
    expect(await (await directory(options(startTls))).who('alice', 'wonderland')).toMatch(/^alice /)
    const byName = { url: `ldaps://localhost:${slapd.securePort}/${PEOPLE}`, ca: slapd.ca }
    expect(await (await directory(options(byName))).who('alice', 'wonderland')).toMatch(/^alice /)
    const apache = { url: `ldap://localhost:${slapd.port}/${PEOPLE} STARTTLS`, ca: slapd.ca }
    expect(await (await directory(options(apache))).who('alice', 'wonderland')).toMatch(/^alice /)
  })

  test('an untrusted certificate results in 503, and nothing is sent', async () => {
    for (const more of [{ url: `${slapd.secureUrl}/${PEOPLE}` }, { startTls: true }]) {
      const { login, provider, messages } = await directory(options(more))
      expect(await login('alice', 'wonderland')).toMatchObject({
        ok: false,
        reason: 'unavailable',
        retryAfter: 5,
      })
      expect(provider.status()).toMatchObject({ ready: false })
      expect(messages()).toMatch(
        /the certificate is self-signed \(trust its certificate authority with --ldap-ca\)/,
      )
    }
  })

  test('the log says which accounts are locked, expired or reset', async () => {
    const { who, messages } = await directory(options())
    for (let i = 0; i < 3; i++) await who('locked', 'wrong')
    expect(await who('locked', 'secret')).toBe('denied')
    expect(messages()).toContain('"locked": the account is locked')
    expect(await who('expired', 'secret')).toBe('denied')
    expect(messages()).toContain('"expired": the password has expired')
    expect(await who('reset', 'secret')).toBe('denied')
    expect(messages()).toContain('"reset": the password must be changed first')
  })

  test('a wrong service password makes logins unavailable, not denied', async () => {
    const { login, provider } = await directory(
      options({ bindPasswordFile: undefined, bindPassword: 'wrong' }),
    )
    expect(await login('alice', 'wonderland')).toMatchObject({ ok: false, reason: 'unavailable' })
    expect(provider.status().detail).toContain(`cannot bind as ${SERVICE.dn}`)
  })

  test('the service password is read at each login, so it can be replaced', async () => {
    const file = join(slapd.folder, 'replaced')
    writeFileSync(file, SERVICE.password)
    const { who, provider } = await directory(options({ bindPasswordFile: file }))
    expect(await who('alice', 'wonderland')).toMatch(/^alice/)
    rmSync(file)
    expect(await who('alice', 'wonderland')).toBe('unavailable')
    expect(provider.status().detail).toContain(`cannot read ${file}`)
    writeFileSync(file, `${SERVICE.password}\r\nnot this line\n`)
    expect(await who('alice', 'wonderland')).toMatch(/^alice/)
  })

  test('a base that does not exist is reported', async () => {
    const { login, provider } = await directory(options({ url: `${slapd.url}/ou=nowhere,${BASE}` }))
    expect(await login('alice', 'wonderland')).toMatchObject({ reason: 'unavailable' })
    expect(provider.status().detail).toContain('no such object')
  })

  test('without a service account, the user binds with a DN made from the name', async () => {
    const own = { url: `${slapd.url}/${PEOPLE}`, bindDn: undefined, bindPasswordFile: undefined }
    const { who } = await directory({ ...own, bindAs: `uid={},${PEOPLE}` })
    expect(await who('alice', 'wonderland')).toBe('alice ML-Team staff, all')
    expect(await who('alice', 'wrong')).toBe('denied')
    expect(await who('alice', '')).toBe('denied')
    expect(await who('nobody', 'x')).toBe('denied')
    expect(await who('a*(b)\\', 'secret')).toBe('a*(b)\\')
    expect(await who(`alice,${PEOPLE}`, 'wonderland')).toBe('denied')
    expect(await who('PLAIN', 'wonderland')).toBe('denied')
  })

  test('200 first logins at once all succeed, over few connections', async () => {
    const { who } = await directory(options({ concurrency: 8 }))
    const logins = Array.from({ length: 200 }, (_, i) => who(`user${i}`, `secret${i}`))
    expect(await Promise.all(logins)).toEqual(Array.from({ length: 200 }, (_, i) => `user${i}`))
  })

  test('concurrent equal logins query once', async () => {
    const { login } = await directory(options())
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => login('alice', 'wonderland')))
    expect(new Set(verdicts).size).toBe(1)
  })

  test('a login is cached and verified again in the background: a changed password ends it', async () => {
    const { provider, login, messages } = await directory(options({ ttl: 2000 }))
    expect((await login('user1', 'secret1')).ok).toBe(true)
    expect(provider.remembered(basic('user1', 'secret1'))).toMatchObject({ name: 'user1', provider: 'ldap' })
    expect(provider.remembered(basic('user1', 'secret2'))).toBeUndefined()
    const { epoch } = provider
    // While it is used, it stays valid beyond its TTL without a gap.
    const end = performance.now() + 4500
    while (performance.now() < end) {
      expect(provider.remembered(basic('user1', 'secret1'))).toBeDefined()
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(provider.epoch).toBe(epoch)
    await slapd.modify(
      `dn: uid=user1,${PEOPLE}\nchangetype: modify\nreplace: userPassword\nuserPassword: another\n`,
    )
    const ended = await until(
      () => provider.remembered(basic('user1', 'secret1')),
      (it) => it === undefined,
    )
    expect(ended).toBeUndefined()
    expect(provider.epoch).toBeGreaterThan(epoch)
    await until(messages, (text) => text.includes('no longer grants'))
    expect(messages()).toContain('"user1": the directory no longer grants the login')
  })

  test('deleted users and unused logins leave the cache', async () => {
    const { provider, login } = await directory(options({ ttl: 600 }))
    await login('user2', 'secret2')
    await login('user3', 'secret3')
    await slapd.modify(`dn: uid=user2,${PEOPLE}\nchangetype: delete\n`)
    const use = () => provider.remembered(basic('user2', 'secret2'))
    expect(await until(use, (it) => it === undefined)).toBeUndefined()
    await until(
      () => provider.measures().gauges.cached,
      (size) => size === 0,
    )
    expect(provider.measures().gauges.cached).toBe(0)
  })

  test('groups are refreshed, too', async () => {
    const { provider, login } = await directory(options({ ttl: 600 }))
    await login('user4', 'secret4')
    const { epoch } = provider
    const groups = () => provider.remembered(basic('user4', 'secret4'))?.groups
    expect(groups()).toEqual([])
    await slapd.modify(group('late', 'groupOfNames', 'member', [`uid=user4,${PEOPLE}`]))
    expect(await until(groups, (it) => it?.length === 1)).toEqual(['late'])
    expect(provider.epoch).toBeGreaterThan(epoch)
    await slapd.modify(`dn: cn=late,${GROUPS}\nchangetype: delete\n`)
    expect(await until(groups, (it) => it?.length === 0)).toEqual([])
  })

  test('an account can be looked up without a login, until it is deleted', async () => {
    const { provider } = await directory(options({ ttl: 400 }))
    const account = async (name: string) => (await provider.account?.(name)) ?? 'absent'
    expect(await account('alice')).toMatchObject({
      name: 'alice',
      provider: 'ldap',
      groups: ['ML-Team', 'staff, all'],
    })
    expect(provider.account?.('alice')).toMatchObject({ name: 'alice' })
    expect(await account('nobody')).toBe('unknown')
    expect(await account('*')).toBe('unknown')
    expect(await account('user5')).toMatchObject({ name: 'user5' })
    let changes = 0
    provider.onChange(() => changes++)
    await slapd.modify(`dn: uid=user5,${PEOPLE}\nchangetype: delete\n`)
    expect(
      await until(
        () => account('user5'),
        (it) => it === 'unknown',
      ),
    ).toBe('unknown')
    expect(changes).toBeGreaterThan(0)
    const own = { url: `${slapd.url}/${PEOPLE}`, bindAs: `uid={},${PEOPLE}` }
    expect((await directory(own)).provider.account).toBeUndefined()
  })

  test('the password mark changes when the password does', async () => {
    const { provider } = await directory(options({ ttl: 400 }))
    const mark = async (fresh?: boolean) => provider.passwordMark?.('user6', fresh)
    // The passwords loaded into the directory were never changed.
    const first = await mark(true)
    expect(first).toBe('')
    expect(await mark()).toBe(first)
    let changes = 0
    provider.onChange(() => changes++)
    await slapd.modify(
      `dn: uid=user6,${PEOPLE}\nchangetype: modify\nreplace: userPassword\nuserPassword: other\n`,
    )
    expect(await until(mark, (it) => it !== first)).toMatch(/^pwdChangedTime=\d{14}Z$/)
    expect(changes).toBeGreaterThan(0)
    expect(await mark(true)).not.toBe(first)
  })

  test('stopped, restarted, killed, hanging: 503, and cached logins stay valid until they expire', async () => {
    const { provider, login, who, events } = await directory(options({ ttl: 60_000, timeout: 500 }))
    expect((await login('bob', 'builder')).ok).toBe(true)
    await slapd.stop()
    expect(await login('alice', 'wonderland')).toMatchObject({ reason: 'unavailable', retryAfter: 5 })
    expect(provider.status()).toMatchObject({ ready: false })
    expect(provider.status().detail).toContain('connection refused')
    expect(provider.remembered(basic('bob', 'builder'))).toMatchObject({ name: 'bob' })
    await slapd.start()
    expect(await who('alice', 'wonderland')).toBe('alice ML-Team staff, all')
    expect(provider.status()).toEqual({ ready: true })
    expect(events.map(({ type }) => type)).toEqual(['directory-unreachable', 'directory-reachable'])

    slapd.signal('SIGSTOP')
    const start = performance.now()
    // One of them detects it; the others fail soon after.
    const waiting = Array.from({ length: 20 }, (_, i) => who(`user${10 + i}`, 'x'))
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['unavailable']))
    expect(performance.now() - start).toBeLessThan(15_000) // One after another they would take 20 s.
    expect(provider.status().detail).toContain('the request timed out')
    expect(await Promise.all([who('user40', 'x'), who('user41', 'x')])).toEqual([
      'unavailable',
      'unavailable',
    ])
    slapd.signal('SIGCONT')
    expect(
      await until(
        () => who('alice', 'wonderland'),
        (it) => it.startsWith('alice'),
      ),
    ).toMatch(/^alice/)

    slapd.signal('SIGKILL')
    expect(
      await until(
        () => who('alice', 'wonderland'),
        (it) => it === 'unavailable',
      ),
    ).toBe('unavailable')
    await slapd.start()
    expect(
      await until(
        () => who('alice', 'wonderland'),
        (it) => it.startsWith('alice'),
      ),
    ).toMatch(/^alice/)
  })

  test('readiness recovers by itself', async () => {
    const { provider } = await directory(options({ timeout: 500 }))
    await slapd.stop()
    await provider.verify(basic('alice', 'wonderland'))
    expect(provider.status().ready).toBe(false)
    await slapd.start()
    expect(
      (
        await until(
          () => provider.status(),
          ({ ready }) => ready,
        )
      ).ready,
    ).toBe(true)
  })

  test('an unknown user takes as long as a wrong password', async () => {
    const { login } = await directory(options())
    const time = async (name: string, password: string) => {
      const start = performance.now()
      await login(name, password)
      return performance.now() - start
    }
    const known: number[] = []
    const unknown: number[] = []
    const attempts = [
      async (i: number) => known.push(await time(`user${100 + i}`, `wrong${i}`)),
      async (i: number) => unknown.push(await time(`none${100 + i}`, `wrong${i}`)),
    ] as const
    // Alternate which goes first, so that neither always follows the other.
    for (let i = 0; i < 200; i++) {
      await attempts[i % 2 === 0 ? 0 : 1](i)
      await attempts[i % 2 === 0 ? 1 : 0](i)
    }
    // By chance alone, the difference exceeds 0.1 in one run of a thousand.
    expect(Math.abs(probabilityOfLarger(known, unknown) - 0.5)).toBeLessThan(0.2)
  })

  test('a closed provider is unavailable', async () => {
    const { provider, login } = await directory(options())
    const pending = login('alice', 'wonderland')
    await provider.close()
    expect(await pending).toMatchObject({ reason: 'unavailable' })
    expect(await login('alice', 'wonderland')).toMatchObject({ reason: 'unavailable' })
  })
})

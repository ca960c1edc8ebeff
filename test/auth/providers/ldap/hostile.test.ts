import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { LdapOptions } from '../../../../src/auth/providers/ldap/index.js'
import { makeCertificate } from '../../../support/certificate.js'
import {
  ALICE,
  entry,
  fakeLdap,
  type Handler,
  message,
  NOTHING,
  PEOPLE,
  reference,
  result,
  tlv,
  wonderland,
} from '../../../support/fake-ldap.js'
import { temporaryFolder } from '../../../support/folder.js'
import { describeWith, peer } from '../../../support/peers.js'
import { directory } from './support.js'

// Directory servers that fail, lie or pretend, simulated by a scripted server.

const SERVICE = { bindDn: 'cn=service', bindPassword: 'service', timeout: 400 }
const at = (url: string, more: Partial<LdapOptions> = {}): LdapOptions => ({
  url: `${url}/${PEOPLE}`,
  ...SERVICE,
  ...more,
})

/** The verdict on alice's login, with a directory that responds as scripted. */
async function answered(handler: Handler, more: Partial<LdapOptions> = {}) {
  const server = await fakeLdap(wonderland(handler))
  const { who, provider, messages } = await directory(at(server.url, more))
  const start = performance.now()
  const answer = await who('alice', 'wonderland')
  return { answer, took: performance.now() - start, status: provider.status(), server, messages }
}

const isUserBind = ({ operation, dn }: { operation: string; dn: string }) =>
  operation === 'bind' && dn === ALICE
const isUserSearch = ({ operation, bytes }: { operation: string; bytes: Buffer }) =>
  operation === 'search' && bytes.includes('alice')

/** How long a busy machine may take for an immediate result, or for a timeout of a second, in milliseconds. */
const AT_ONCE = 20_000

describe('a directory that responds', () => {
  test('accepts alice, over two connections: one searches, one binds', async () => {
    const { answer, server } = await answered(() => undefined)
    expect(answer).toBe('alice')
    const asked = server.requests.map(({ operation, dn }) => `${operation} ${dn}`)
    expect(asked).toContain(`bind ${ALICE}`)
    expect(server.requests.filter(({ dn, operation }) => operation === 'bind' && dn === '')).toEqual([])
    // The check at the start takes one.
    expect(server.connections).toBe(3)
  })

  test('referrals in a response are ignored', async () => {
    const elsewhere = await fakeLdap(wonderland())
    const { answer } = await answered((request) =>
      isUserSearch(request)
        ? [
            reference(request, `${elsewhere.url}/${PEOPLE}`),
            entry(request, ALICE, { uid: ['alice'] }),
            reference(request, `${elsewhere.url}/${PEOPLE}`),
            result(request, 'search'),
          ]
        : undefined,
    )
    expect(answer).toBe('alice')
    expect(elsewhere.connections).toBe(0)
  })

  test.each(['search', 'bind'] as const)('a referral instead of a %s is not followed', async (operation) => {
    const elsewhere = await fakeLdap(wonderland())
    const referrals = [`${elsewhere.url}/${PEOPLE}`]
    const isAsked = operation === 'bind' ? isUserBind : isUserSearch
    const { answer, messages } = await answered((request) =>
      isAsked(request) ? result(request, operation, { code: 10, referrals }) : undefined,
    )
    expect(answer).toBe('unavailable')
    expect(messages()).toContain('referrals are not followed')
    expect(elsewhere.connections).toBe(0)
  })

  test.each([
    ['busy', 51],
    ['unavailable', 52],
    ['operations error', 1],
  ])('%s: unavailable, not denied', async (_, code) => {
    const { answer, messages } = await answered((request) =>
      isUserBind(request) ? result(request, 'bind', { code, diagnostic: 'not now' }) : undefined,
    )
    expect(answer).toBe('unavailable')
    expect(messages()).toContain('"not now"')
  })

  test('an entry without a DN causes no bind, which would be anonymous', async () => {
    const { answer, server } = await answered((request) =>
      isUserSearch(request)
        ? [entry(request, '', { uid: ['alice'] }), result(request, 'search')]
        : request.operation === 'bind' && request.dn === ''
          ? result(request, 'bind')
          : undefined,
    )
    expect(answer).toBe('denied')
    expect(server.requests.filter(({ operation, dn }) => operation === 'bind' && dn === '')).toEqual([])
  })

  test('more entries than requested: rejected', async () => {
    const { answer } = await answered((request) =>
      isUserSearch(request)
        ? [entry(request, ALICE, { uid: ['alice'] }), result(request, 'search', { code: 4 })]
        : undefined,
    )
    expect(answer).toBe('denied')
  })

  test('another server is tried if the first does not respond', async () => {
    const server = await fakeLdap(wonderland())
    const silent = await fakeLdap(() => NOTHING)
    const hosts = (first: string) => `ldap://${first} 127.0.0.1:${server.port}`
    expect(await (await directory(at(hosts('127.0.0.1:1')))).who('alice', 'wonderland')).toBe('alice')
    // This one accepts connections and never responds.
    const { who } = await directory(at(hosts(`127.0.0.1:${silent.port}`)))
    expect(await who('alice', 'wonderland')).toBe('alice')
    // This one does not search.
    const lame = await fakeLdap(wonderland((request) => (isUserSearch(request) ? NOTHING : undefined)))
    const other = await directory(at(hosts(`127.0.0.1:${lame.port}`)))
    expect(await other.who('alice', 'wonderland')).toBe('unavailable')
    expect(await other.who('alice', 'wonderland')).toBe('alice')
  })
})

describe('a directory that fails', () => {
  const broken: Record<string, (request: { id: number }) => Buffer> = {
    'random bytes': () => Buffer.from('c3a5f00dbeef', 'hex'),
    HTTP: () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    'an indefinite length': () => Buffer.from('3080', 'hex'),
    'a length of 4 GiB': () => Buffer.from('3084ffffffff', 'hex'),
    'a length of 1 GiB': () => Buffer.from('308440000000', 'hex'),
    'an empty result': ({ id }) => message(id, tlv(0x61)),
    'a result without a result code': ({ id }) => message(id, tlv(0x61, tlv(0x04, ''), tlv(0x04, ''))),
    'an empty result code': ({ id }) => message(id, tlv(0x61, tlv(0x0a), tlv(0x04, ''), tlv(0x04, ''))),
    'a truncated result code': ({ id }) => message(id, Buffer.from('61030a0500', 'hex')),
    'the result of another operation': ({ id }) => result({ id }, 'search'),
    'the response to another request': ({ id }) => result({ id: id + 1 }, 'bind'),
    'an entry': ({ id }) => entry({ id }, ALICE, { uid: ['alice'] }),
    'a notice of disconnection': () =>
      result({ id: 0 }, 'extended', { code: 52, diagnostic: 'shutting down' }),
  }

  test.each(Object.keys(broken))('%s instead of a response to a bind', async (name) => {
    const { answer, took, status } = await answered(
      (request) => (isUserBind(request) ? broken[name]?.(request) : undefined),
      { timeout: 2 * AT_ONCE },
    )
    expect(answer).toBe('unavailable')
    expect(took).toBeLessThan(AT_ONCE)
    expect(status.ready).toBe(false)
  })

  test('a hang at any step lasts no longer than the timeout', async () => {
    const steps: Handler[] = [
      (request) => (request.operation === 'bind' && request.dn === 'cn=service' ? NOTHING : undefined),
      (request) => (isUserSearch(request) ? NOTHING : undefined),
      (request) => (isUserBind(request) ? NOTHING : undefined),
    ]
    for (const step of steps) {
      const { answer, took, status } = await answered(step)
      expect(answer).toBe('unavailable')
      expect(took).toBeLessThan(AT_ONCE)
      expect(status.detail).toContain('the request timed out')
    }
  })

  test('a trickle of bytes times out, too', async () => {
    const { answer, took } = await answered(async (request, { socket }) => {
      if (!isUserBind(request)) return undefined
      for (const byte of result(request, 'bind')) {
        socket.write(Buffer.from([byte]))
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      return NOTHING
    })
    expect(answer).toBe('unavailable')
    expect(took).toBeLessThan(AT_ONCE)
  })

  test('a connection that ends in the middle of a response', async () => {
    for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const { answer, took } = await answered(
        (request, { socket }) => {
          if (!isUserSearch(request)) return undefined
          socket.write(entry(request, ALICE, { uid: ['alice'] }).subarray(0, 30), () => socket[end]())
          return NOTHING
        },
        { timeout: 2 * AT_ONCE },
      )
      expect(answer).toBe('unavailable')
      expect(took).toBeLessThan(AT_ONCE)
    }
  })

  test('thousands of messages in one packet, and one message in thousands of packets', async () => {
    const many = await answered(
      (request) =>
        isUserSearch(request)
          ? [
              ...Array.from({ length: 20_000 }, () => reference(request, 'ldap://x')),
              entry(request, ALICE, { uid: ['alice'] }),
              result(request, 'search'),
            ]
          : undefined,
      { timeout: 2 * AT_ONCE },
    )
    expect(many.answer).toBe('alice')
    const large = await answered(
      async (request, { socket }) => {
        if (!isUserSearch(request)) return undefined
        const groups = Array.from({ length: 900 }, (_, i) => `cn=group${i},dc=example,dc=org`)
        const bytes = Buffer.concat([
          entry(request, ALICE, { uid: ['alice'], memberOf: groups }),
          result(request, 'search'),
        ])
        socket.setNoDelay(true)
        for (let i = 0; i < bytes.length; i += 7) socket.write(bytes.subarray(i, i + 7))
        return NOTHING
      },
      { timeout: 2 * AT_ONCE },
    )
    expect(large.answer.split(' ')).toHaveLength(901)
  })
})

describeWith(['openssl'], 'TLS with a directory', () => {
  /** A certificate that expired yesterday. */
  const expired = (folder: string) => {
    const { cert, key } = makeCertificate(folder, 'localhost')
    const file = join(folder, 'expired.pem')
    const dates = ['-not_before', '20200101000000Z', '-not_after', '20200102000000Z']
    const modern = ['x509', '-in', cert, '-signkey', key, '-out', file, ...dates]
    try {
      execFileSync(peer('openssl') as string, modern, { stdio: 'pipe' })
    } catch {
      const negative = ['x509', '-in', cert, '-signkey', key, '-out', file, '-days', '-1']
      execFileSync(peer('openssl') as string, negative, { stdio: 'pipe' })
    }
    return { cert: readFileSync(file), key: readFileSync(key), ca: file }
  }

  test.each(['ldaps', 'starttls'] as const)('%s: wrong authority, wrong name, expired', async (how) => {
    const folder = temporaryFolder()
    const good = makeCertificate(folder, 'localhost')
    const other = makeCertificate(temporaryFolder(), 'localhost')
    const named = makeCertificate(temporaryFolder(), 'ldap.example.org')
    const old = expired(temporaryFolder())
    const serve = async (tls: { cert: Buffer; key: Buffer }) => {
      const startTls: Handler = (request, { socket, secure }) => {
        if (request.operation !== 'extended' || how === 'ldaps') return undefined
        socket.write(result(request, 'extended'))
        secure(tls)
        return NOTHING
      }
      return fakeLdap(wonderland(startTls), how === 'ldaps' ? tls : undefined)
    }
    const pem = ({ cert, key }: { cert: string; key: string }) => ({
      cert: readFileSync(cert),
      key: readFileSync(key),
    })
    const cases = [
      [pem(good), good.cert, '127.0.0.1', 'alice', ''],
      [pem(good), good.cert, 'localhost', 'alice', ''],
      [pem(good), other.cert, '127.0.0.1', 'unavailable', 'self-signed'],
      [pem(named), named.cert, 'localhost', 'unavailable', 'the certificate is for another name'],
      [old, old.ca, 'localhost', 'unavailable', 'the certificate has expired'],
    ] as const
    for (const [tls, ca, host, expected, words] of cases) {
      const server = await serve(tls)
      const url = server.url.replace('127.0.0.1', host)
      const { who, messages } = await directory(at(url, { ca, startTls: how === 'starttls' }))
      expect(await who('alice', 'wonderland')).toBe(expected)
      expect(messages()).toContain(words)
      if (expected !== 'alice')
        expect(server.requests.filter(({ operation }) => operation === 'bind')).toEqual([])
    }
  })

  test('StartTLS that is rejected, hangs or is cut off: no password is sent', async () => {
    const ways: Handler[] = [
      (request) => (request.operation === 'extended' ? result(request, 'extended', { code: 2 }) : undefined),
      (request) => (request.operation === 'extended' ? result(request, 'extended', { code: 52 }) : undefined),
      (request) => (request.operation === 'extended' ? NOTHING : undefined),
      (request) => (request.operation === 'extended' ? result(request, 'extended') : undefined),
      (request, { socket }) => {
        if (request.operation !== 'extended') return undefined
        socket.end(result(request, 'extended'))
        return NOTHING
      },
    ]
    for (const way of ways) {
      const { answer, took, server } = await answered(way, { startTls: true })
      expect(answer).toBe('unavailable')
      expect(took).toBeLessThan(AT_ONCE)
      expect(server.requests.map(({ operation }) => operation)).not.toContain('bind')
    }
  })

  test('plain text sent along with the StartTLS response is ignored', async () => {
    const folder = temporaryFolder()
    const { cert, key } = makeCertificate(folder, 'localhost')
    const { answer, server, messages } = await answered(
      (request, { socket, secure }) => {
        if (request.operation !== 'extended') return undefined
        const injected = [2, 3, 4].map((id) => result({ id }, 'bind'))
        socket.write(Buffer.concat([result(request, 'extended'), ...injected]))
        secure({ cert: readFileSync(cert), key: readFileSync(key) })
        return NOTHING
      },
      { startTls: true, ca: cert },
    )
    expect(answer).toBe('unavailable')
    expect(messages()).toMatch(/data before the TLS handshake|unsolicited response/)
    expect(server.requests.map(({ operation }) => operation)).not.toContain('bind')
  })

  test('a port that does not speak TLS, and a handshake that hangs', async () => {
    const plain = await fakeLdap((_, { socket }) => {
      socket.end()
      return NOTHING
    })
    const { provider } = await directory(at(plain.url.replace('ldap:', 'ldaps:')))
    expect(provider.status().ready).toBe(false)
    const { createServer } = await import('node:net')
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    const { port } = silent.address() as { port: number }
    const start = performance.now()
    const hanging = await directory(at(`ldaps://127.0.0.1:${port}`))
    expect(hanging.provider.status().detail).toContain('the request timed out')
    expect(performance.now() - start).toBeLessThan(AT_ONCE)
    silent.close()
  })
})

describe('Active Directory', () => {
  const DIAGNOSTIC = (data: string) =>
    `80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data ${data}, v2580\0`
  const ALICE_AD = 'CN=Alice Liddell,CN=Users,DC=corp,DC=example,DC=org'

  test.each([
    ['530', 'the user may not log in at this time of day'],
    ['531', 'the user may not log in from this machine'],
    ['532', 'the password has expired'],
    ['533', 'the account is disabled'],
    ['701', 'the account has expired'],
    ['773', 'the password must be changed first'],
    ['775', 'the account is locked'],
  ])('data %s: %s', async (data, words) => {
    const { answer, messages } = await answered((request) =>
      isUserBind(request) ? result(request, 'bind', { code: 49, diagnostic: DIAGNOSTIC(data) }) : undefined,
    )
    expect(answer).toBe('denied')
    expect(messages()).toBe(`ldap: "alice": ${words}`)
  })

  test('data 52e is a wrong password, and is not logged', async () => {
    const { answer, messages } = await answered((request) =>
      isUserBind(request) ? result(request, 'bind', { code: 49, diagnostic: DIAGNOSTIC('52e') }) : undefined,
    )
    expect(answer).toBe('denied')
    expect(messages()).toBe('')
  })

  /** Binds with principal names, supports "Who am I?", resolves nested groups, sends 2 values at a time. */
  const corp = (identity: string): Handler => {
    return (request) => {
      const { operation, bytes, dn, password } = request
      const has = (text: string) => bytes.includes(text)
      if (operation === 'bind') {
        if (dn === 'mallory@corp.example.org')
          return result(request, 'bind', { code: 49, diagnostic: DIAGNOSTIC('525') })
        const isGood = dn === 'alice@corp.example.org' && password === 'wonderland'
        return result(request, 'bind', isGood ? {} : { code: 49, diagnostic: DIAGNOSTIC('52e') })
      }
      if (operation === 'extended') return result(request, 'extended', { more: [tlv(0x8b, identity)] })
      if (operation !== 'search') return undefined
      if (dn === '') {
        return [
          entry(request, '', { supportedCapabilities: ['1.2.840.113556.1.4.800'] }),
          result(request, 'search'),
        ]
      }
      if (has('1.2.840.113556.1.4.1941')) {
        return [
          ...['nested', 'direct'].map((cn) => entry(request, `CN=${cn},OU=Groups,DC=corp`, { cn: [cn] })),
          reference(request, 'ldap://ForestDnsZones.corp.example.org/DC=ForestDnsZones'),
          result(request, 'search'),
        ]
      }
      if (has('range=2-*')) {
        return [
          entry(request, ALICE_AD, { 'memberOf;range=2-*': ['CN=c,DC=corp'] }),
          result(request, 'search'),
        ]
      }
      const memberOf = { memberOf: [], 'memberOf;range=0-1': ['CN=a,DC=corp', 'CN=b\\, c,DC=corp'] }
      return [
        entry(request, ALICE_AD, { sAMAccountName: ['Alice'], ...memberOf }),
        reference(request, 'ldap://corp.example.org/CN=Configuration'),
        result(request, 'search'),
      ]
    }
  }
  const asUser = { bindDn: undefined, bindPassword: undefined, bindAs: '{}@corp.example.org' }

  test('binds as the user, without a service account', async () => {
    const server = await fakeLdap(corp('u:CORP\\alice'))
    const url = `${server.url}/DC=corp?sAMAccountName?sub?(objectClass=user)`
    const { who } = await directory({ ...asUser, url })
    expect(await who('alice', 'wonderland')).toBe('Alice a b, c c')
    expect(await who('alice', 'wrong')).toBe('denied')
    expect(await who('mallory', 'wrong')).toBe('unknown')
    expect(
      server.requests.filter(
        ({ operation, dn }) => operation === 'bind' && !dn.endsWith('@corp.example.org'),
      ),
    ).toEqual([])
  })

  test('nested groups, by its matching rule', async () => {
    const server = await fakeLdap(corp('u:CORP\\Alice'))
    const url = `${server.url}/DC=corp?sAMAccountName`
    const { who } = await directory({ ...asUser, url, groupBase: 'OU=Groups,DC=corp' })
    expect(await who('alice', 'wonderland')).toBe('Alice direct nested')
    const groupFilter = '(member:1.2.840.113556.1.4.1941:={dn})'
    const asked = await directory({ ...asUser, url, groupBase: 'OU=Groups,DC=corp', groupFilter })
    expect(await asked.who('alice', 'wonderland')).toBe('Alice direct nested')
    expect(
      server.requests.at(-1)?.bytes.includes(ALICE_AD) || server.requests.at(-2)?.bytes.includes(ALICE_AD),
    ).toBe(true)
  })

  test('a principal name that starts with another user’s account name is rejected', async () => {
    const server = await fakeLdap(corp('u:CORP\\mallory'))
    const { who, messages } = await directory({ ...asUser, url: `${server.url}/DC=corp?sAMAccountName` })
    expect(await who('alice', 'wonderland')).toBe('denied')
    expect(messages()).toContain('bound as "alice@corp.example.org"')
  })
})

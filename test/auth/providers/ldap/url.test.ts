import { expect, test } from 'vitest'
import { isLocal, parseLdapUrl } from '../../../../src/auth/providers/ldap/url.js'

test('a full URL is parsed', () => {
  expect(
    parseLdapUrl('ldaps://ldap.example.org/ou=people,dc=example,dc=org?uid?sub?(objectClass=person)'),
  ).toEqual({
    endpoints: [{ host: 'ldap.example.org', port: 636 }],
    security: 'tls',
    base: 'ou=people,dc=example,dc=org',
    attribute: 'uid',
    scope: 'sub',
    filter: '(objectClass=person)',
  })
})

test('the defaults are Apache’s', () => {
  const defaults = { attribute: 'uid', scope: 'sub', filter: '(objectClass=*)' }
  for (const rest of ['', '?', '??', '???', '????']) {
    expect(parseLdapUrl(`ldap://localhost/dc=example${rest}`)).toMatchObject({
      base: 'dc=example',
      ...defaults,
    })
  }
  expect(parseLdapUrl('ldap://localhost')).toMatchObject({ base: '', ...defaults })
  expect(parseLdapUrl('ldap://localhost/dc=x?mail,cn?one')).toMatchObject({ attribute: 'mail', scope: 'one' })
})

test('hosts, ports and sockets are parsed', () => {
  const endpoints = (url: string) => parseLdapUrl(url).endpoints
  expect(endpoints('ldap://a.example.org b.example.org:3890/dc=x')).toEqual([
    { host: 'a.example.org', port: 389 },
    { host: 'b.example.org', port: 3890 },
  ])
  expect(endpoints('LDAPS://a%20b/dc=x')).toEqual([
    { host: 'a', port: 636 },
    { host: 'b', port: 636 },
  ])
  expect(endpoints('ldap://[2001:db8::7]:390/dc=x')).toEqual([{ host: '2001:db8::7', port: 390 }])
  expect(endpoints('ldapi://%2Frun%2Fslapd%2Fldapi/dc=x')).toEqual([{ path: '/run/slapd/ldapi' }])
})

test('Apache’s keyword after the URL is accepted', () => {
  expect(parseLdapUrl('ldap://h/dc=x?uid STARTTLS')).toMatchObject({ security: 'starttls', attribute: 'uid' })
  expect(parseLdapUrl('ldap://h/dc=x?uid SSL')).toMatchObject({
    security: 'tls',
    endpoints: [{ host: 'h', port: 636 }],
  })
  expect(parseLdapUrl('ldap://h/dc=x?uid??(o=x) none')).toMatchObject({ security: 'none', filter: '(o=x)' })
})

test('percent-encoding is decoded', () => {
  const url = 'ldap://h/o=University%20of%20Michigan,c=US?cn?sub?(o=Caf%C3%A9%3F)'
  expect(parseLdapUrl(url)).toMatchObject({ base: 'o=University of Michigan,c=US', filter: '(o=Café?)' })
  expect(parseLdapUrl('ldap://h/o=An%20Example%5C2C%20Inc.,c=US').base).toBe('o=An Example\\2C Inc.,c=US')
})

test.each([
  ['http://h/dc=x', 'is not an LDAP URL'],
  ['h', 'is not an LDAP URL'],
  ['', 'is not an LDAP URL'],
  ['ldap:///dc=x', 'has no host'],
  ['ldap://h:99999/dc=x', 'has the host "h:99999"'],
  ['ldap://user@h/dc=x', 'has the host'],
  ['ldap://h/dc=x?u(id', 'has the invalid attribute "u(id"'],
  ['ldap://h/dc=x?uid?tree', 'has the invalid scope "tree"'],
  ['ldap://h/dc=x?uid?sub?(a=b)?x?y', 'too many question marks'],
  ['ldap://h/dc=x????!unknown', 'unknown extension !unknown'],
  ['ldap://h/dc=%zz', 'percent sign'],
  ['ldapi://run/dc=x', 'has no socket'],
])('%s is rejected', (url, words) => {
  expect(() => parseLdapUrl(url)).toThrow(words)
})

test('hosts on this machine are recognized', () => {
  const local = (url: string) => parseLdapUrl(url).endpoints.every(isLocal)
  for (const host of ['localhost', 'ldap.localhost', '127.0.0.1', '127.8.0.1', '[::1]']) {
    expect(local(`ldap://${host}/`), host).toBe(true)
  }
  for (const host of [
    'localhost.example.org',
    '127.example.org',
    '10.0.0.1',
    '[::2]',
    'a localhost',
    'notlocalhost',
  ]) {
    expect(local(`ldap://${host}/`), host).toBe(false)
  }
})

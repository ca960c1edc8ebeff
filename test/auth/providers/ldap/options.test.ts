import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type LdapOptions, ldapSettings } from '../../../../src/auth/providers/ldap/options.js'
import { temporaryFolder } from '../../../support/folder.js'

const url = 'ldaps://ldap.example.org/dc=x'

test('the defaults', () => {
  expect(ldapSettings({ url })).toMatchObject({
    security: 'tls',
    userAttribute: 'uid',
    timeout: 10_000,
    ttl: 300_000,
    concurrency: 8,
  })
})

test.each<[string, Partial<LdapOptions>, string]>([
  [
    'another machine in plain text',
    { url: 'ldap://ldap.example.org/dc=x' },
    'would send passwords to ldap.example.org:389 in plain text',
  ],
  ['one of several machines', { url: 'ldap://localhost 10.0.0.1/dc=x' }, '10.0.0.1:389 in plain text'],
  ['StartTLS with ldaps', { startTls: true }, 'ldap.startTls cannot be used with ldaps://'],
  ['a DN without a password', { bindDn: 'cn=x' }, 'requires ldap.bindPassword or ldap.bindPasswordFile'],
  ['a password without a DN', { bindPassword: 'x' }, 'and they require it'],
  ['an empty DN', { bindDn: '', bindPassword: 'x' }, 'ldap.bindDn must not be empty'],
  ['an empty password', { bindDn: 'cn=x', bindPassword: '' }, 'ldap.bindPassword must not be empty'],
  [
    'two passwords',
    { bindDn: 'cn=x', bindPassword: 'x', bindPasswordFile: 'y' },
    'cannot be used with ldap.bindPasswordFile',
  ],
  ['bindAs without a place for the name', { bindAs: 'corp' }, 'must contain {} exactly once'],
  [
    'bindAs and bindDn',
    { bindAs: '{}@x', bindDn: 'cn=x', bindPassword: 'x' },
    'cannot be used with ldap.bindAs',
  ],
  ['a group filter alone', { groupFilter: '(cn=x)' }, 'ldap.groupFilter requires ldap.groupBase'],
  ['a group attribute alone', { groupAttribute: 'member' }, 'ldap.groupAttribute requires ldap.groupBase'],
  [
    'an invalid group filter',
    { groupBase: 'dc=x', groupFilter: '(' },
    'ldap.groupFilter "(" is not a filter',
  ],
  ['an invalid filter', { url: `${url}?uid?sub?(a=b` }, 'the filter of ldap.url'],
  ['an invalid attribute', { userAttribute: 'a b' }, 'ldap.userAttribute is not an attribute'],
  ['a timeout of 0', { timeout: 0 }, 'ldap.timeout must be an integer from 100 to 300000'],
  ['a negative ttl', { ttl: -1 }, 'ldap.ttl must be'],
  ['a missing authority', { ca: '/nowhere.pem' }, 'ldap.ca cannot be read: /nowhere.pem: '],
])('%s is rejected at the start', (_, options, words) => {
  expect(() => ldapSettings({ url, ...options })).toThrow(words)
})

test('StartTLS permits ldap:// to another machine', () => {
  expect(ldapSettings({ url: 'ldap://ldap.example.org/dc=x', startTls: true }).security).toBe('starttls')
})

test('an authority that is not a certificate is rejected', () => {
  const ca = join(temporaryFolder(), 'ca.pem')
  writeFileSync(ca, 'nothing')
  expect(() => ldapSettings({ url, ca })).toThrow('contains no certificates')
})

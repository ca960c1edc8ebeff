import fc from 'fast-check'
import { FilterParser } from 'ldapts'
import { expect, test } from 'vitest'
import { commonNameOf, escapeDnValue, isSameDn } from '../../../../src/auth/providers/ldap/dn.js'
import { fill, filterFor, parseFilter } from '../../../../src/auth/providers/ldap/filter.js'

const written = (text: string) => parseFilter(text, 'filter').toString()

test('any name can be a value in a DN', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (name) => {
      const dn = `cn=${escapeDnValue(name)},dc=example,dc=org`
      expect(commonNameOf(dn)).toBe(name)
      expect(isSameDn(dn, dn.replace(',dc=example', ' , DC=Example'))).toBe(true)
    }),
  )
})

test.each([
  ['cn=admins,dc=x', 'admins'],
  ['CN=Domain Admins,DC=x', 'Domain Admins'],
  ['cn=a\\2Cb,dc=x', 'a,b'],
  ['cn=a\\, b ,dc=x', 'a, b'],
  ['cn = spaced\\ , dc=x', 'spaced '],
  ['cn="quoted, too",dc=x', 'quoted, too'],
  ['cn=\u3000wide\u00a0,dc=x', '\u3000wide\u00a0'],
  ['cn=Fran\\C3\\A7ois,dc=x', 'François'],
  ['gidNumber=7+cn=both,dc=x', 'both'],
  ['2.5.4.3=by-oid,dc=x', 'by-oid'],
  ['ou=no-cn,cn=x', undefined],
  ['cn=#0403616263,dc=x', undefined],
  ['', undefined],
])('the cn of %s is %j', (dn, name) => {
  expect(commonNameOf(dn)).toBe(name)
})

test('DNs that differ only in case and spaces are equal', () => {
  expect(isSameDn('uid=Alice, OU=People,dc=x', 'UID=alice,ou=people,DC=X')).toBe(true)
  expect(isSameDn('cn=a\\2Cb,dc=x', 'cn=a\\,b,dc=x')).toBe(true)
  expect(isSameDn('cn=a,cn=b,dc=x', 'cn=a\\,cn=b,dc=x')).toBe(false)
  expect(isSameDn('uid=alice,dc=x', 'uid=alice,dc=y')).toBe(false)
})

test.each([
  ['objectClass=person', '(objectClass=person)'],
  ['(&(a=b)(!(c=d)))', '(&(a=b)(!(c=d)))'],
  ['(&\n  (a=b)\n  (|(c=d)(e=*))\n)', '(&(a=b)(|(c=d)(e=*)))'],
  ['(cn=Fran\\c3\\a7ois)', '(cn=François)'],
  ['(cn=\\28x\\29\\2a)', '(cn=\\28x\\29\\2a)'],
  ['(userAccountControl:1.2.840.113556.1.4.803:=2)', '(userAccountControl:1.2.840.113556.1.4.803:=2)'],
])('the filter %j is read as %s', (text, expected) => {
  expect(written(text)).toBe(expected)
})

test.each(['(', '(a=b', '(a=b))', '(&)', '(cn=\\zz)', '(objectGUID=\\ff\\fe)', 'nothing', '(=x)'])(
  '%s is not a filter',
  (text) => {
    expect(() => parseFilter(text, 'ldap.groupFilter')).toThrow(/^ldap\.groupFilter .* is not a filter: /)
  },
)

test('any substituted text stays a value', () => {
  const template = parseFilter(
    '(|(&(objectClass=groupOfNames)(member={dn}))(memberUid={user})(x=a{user}*{user}b))',
    'x',
  )
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (dn, user) => {
      const filled = fill(template, { dn, user })
      expect(FilterParser.parseString(filled.toString()).toString()).toBe(filled.toString())
      expect(filled.toString().match(/\(/g)).toHaveLength(6)
    }),
  )
  expect(template.toString()).toContain('{dn}')
})

test('a name is compared literally', () => {
  const filter = parseFilter('(objectClass=*)', 'x')
  for (const name of ['*', 'a*', ')(uid=*', 'a\\', '\0', '', '{dn}']) {
    expect(filterFor(filter, 'uid', name)).toMatchObject({
      filters: [filter, { attribute: 'uid', value: name }],
    })
  }
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Authorization,
  MAX_TOKEN_BYTES,
  MAX_USER_BYTES,
  parseAuthorization,
} from '../../src/auth/authorization.js'
import type { BasicCredential } from '../../src/auth/credential.js'
import { MAX_PASSWORD_BYTES } from '../../src/password.js'
import { isFull } from '../support/authenticator.js'

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')

/** User and password as text, or the reason if there are none. */
function read(authorization: Authorization): [string, string] | string {
  const credential = parseAuthorization(authorization)
  if (typeof credential === 'string') return credential
  if (credential.kind !== 'basic') return `${credential.kind} ${(credential as { token?: string }).token}`
  expect(credential.name).toBe(credential.user.toString())
  return [credential.name, credential.password.toString()]
}

describe('credentials', () => {
  test.each([
    ['the example of RFC 7617', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==', ['Aladdin', 'open sesame']],
    ['the example of RFC 7617 in UTF-8', 'Basic dGVzdDoxMjPCow==', ['test', '123£']],
    ['the name of the scheme in any case', 'bAsIc YTpi', ['a', 'b']],
    ['several spaces', 'Basic   YTpi', ['a', 'b']],
    ['colons in the password', `Basic ${base64('a:b:c:')}`, ['a', 'b:c:']],
    ['an empty password', `Basic ${base64('a:')}`, ['a', '']],
    ['an empty user', `Basic ${base64(':b')}`, ['', 'b']],
    ['base64 without padding', 'Basic YTpiYg', ['a', 'bb']],
    ['one value in a list', ['Basic YTpi'], ['a', 'b']],
  ])('%s', (_, header, expected) => {
    expect(read(header)).toEqual(expected)
  })
})

describe('no credentials', () => {
  test.each([
    ['no header', undefined],
    ['an empty list', []],
    ['an empty header', ''],
    ['another scheme', 'Digest YTpi'],
    ['a scheme that starts with the same word', 'Basics YTpi'],
    ['no space after the scheme', 'BasicYTpi'],
  ])('%s', (_, header) => {
    expect(read(header)).toBe('no-credentials')
  })
})

describe('a bearer token', () => {
  test.each([
    ['of one word', 'Bearer abc.DEF-_~+/==', 'bearer abc.DEF-_~+/=='],
    ['with the scheme in any case', 'bEARER  x', 'bearer x'],
    ['at the limit', `Bearer ${'x'.repeat(MAX_TOKEN_BYTES)}`, `bearer ${'x'.repeat(MAX_TOKEN_BYTES)}`],
    ['over the limit', `Bearer ${'x'.repeat(MAX_TOKEN_BYTES + 1)}`, 'malformed'],
    ['that is missing', 'Bearer ', 'malformed'],
    ['of two words', 'Bearer a b', 'malformed'],
    ['with a character that RFC 6750 does not allow', 'Bearer a"b', 'malformed'],
    ['with padding inside', 'Bearer a=b', 'malformed'],
    ['twice', ['Bearer a', 'Bearer a'], 'malformed'],
    ['beside a password', ['Bearer a', 'Basic YTpi'], 'malformed'],
  ])('%s', (_, header, expected) => {
    expect(read(header)).toBe(expected)
  })
})

describe('malformed', () => {
  test.each([
    ['the scheme alone', 'Basic'],
    ['the scheme and spaces', 'Basic  '],
    ['two headers, even if they agree', ['Basic YTpi', 'Basic YTpi']],
    ['two headers joined into one', 'Basic YTpi, Basic YTpi'],
    ['another alphabet', 'Basic Pz8_Pj4-Og'],
    ['padding in the middle', 'Basic YT==pi'],
    ['one character too many', 'Basic YTpiY'],
    ['something after it', 'Basic YTpi x'],
    ['no colon', `Basic ${base64('ab')}`],
    ['a newline in the user', `Basic ${base64('a\nb:c')}`],
    ['a NUL in the password', `Basic ${base64('a:b\0c')}`],
    ['a DEL in the password', `Basic ${base64('a:b\x7fc')}`],
    ['a user that is not UTF-8', `Basic ${base64(Buffer.from('J\xfcrgen:x', 'latin1'))}`],
    ['a user over the limit', `Basic ${base64(`${'x'.repeat(MAX_USER_BYTES + 1)}:b`)}`],
    ['a password over the limit', `Basic ${base64(`a:${'x'.repeat(MAX_PASSWORD_BYTES + 1)}`)}`],
  ])('%s', (_, header) => {
    expect(read(header)).toBe('malformed')
  })

  test('a user and a password at the limit are accepted', () => {
    const user = 'x'.repeat(MAX_USER_BYTES)
    const password = 'x'.repeat(MAX_PASSWORD_BYTES)
    expect(read(`Basic ${base64(`${user}:${password}`)}`)).toEqual([user, password])
  })
})

test('a password need not be UTF-8, since its bytes are hashed as they were typed', () => {
  const bytes = Buffer.from('a:p\xe4ss', 'latin1')
  const { password } = parseAuthorization(`Basic ${base64(bytes)}`) as BasicCredential
  expect(password).toEqual(bytes.subarray(2))
})

describe('any header', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 })
  const header = fc.oneof(
    text,
    text.map((token) => `Basic ${token}`),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => `Basic ${base64(Buffer.from(bytes))}`),
    fc.tuple(text, text).map(([user, password]) => `Basic ${base64(`${user}:${password}`)}`),
  )

  test('is parsed without a crash, and faithfully', () => {
    fc.assert(
      fc.property(fc.oneof(header, fc.array(header, { maxLength: 3 })), (authorization) => {
        const credential = parseAuthorization(authorization)
        if (typeof credential === 'string' || credential.kind !== 'basic') return
        const { user, password } = credential
        const written = base64(Buffer.concat([user, Buffer.from(':'), password])).replaceAll('=', '')
        const [value = ''] = [authorization].flat()
        expect(value.replace(/^basic +/i, '').slice(0, written.length - 1)).toBe(written.slice(0, -1))
        expect(user).not.toContain(0x3a)
      }),
      { numRuns: isFull ? 100_000 : 5_000 },
    )
  })

  test('made of a user and a password is parsed back to them', () => {
    const printable = fc.string({ unit: 'grapheme', maxLength: 40 })
    fc.assert(
      fc.property(printable, printable, (user, password) => {
        fc.pre(!user.includes(':'))
        expect(read(`Basic ${base64(`${user}:${password}`)}`)).toEqual([user, password])
      }),
      { numRuns: isFull ? 100_000 : 5_000 },
    )
  })
})

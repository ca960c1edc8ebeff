import { expect, test } from 'vitest'
import { faultOf } from '../../src/gate/credential-faults.js'

const header = (credentials: string, encoding: BufferEncoding = 'utf8') =>
  `Basic ${Buffer.from(credentials, encoding).toString('base64')}`

test.each([
  ['nothing', header('alice:correct horse'), undefined],
  ['nothing', header('zoë:pässwörd'), undefined],
  ['a line feed at the end', header('alice:secret\n'), 'line-break'],
  ['a carriage return at the end', header('alice:secret\r\n'), 'line-break'],
  ['a tab within', header('alice:se\tcret'), 'control-character'],
  ['Latin-1', header('alice:p\xe4ssw\xf6rd', 'latin1'), 'not-utf-8'],
  ['nothing, in another scheme', 'Bearer c2VjcmV0Cg==', undefined],
  ['nothing, in invalid base64', 'Basic !', undefined],
  ['nothing, in two headers', [header('a:b\n'), header('a:b')], undefined],
  ['nothing, without a header', undefined, undefined],
])('%s is wrong', (_, authorization, fault) => {
  expect(faultOf(authorization)).toBe(fault)
})

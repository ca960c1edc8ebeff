import { describe, expect, test } from 'vitest'
import { isAuthority } from '../../src/http1/grammar.js'

// The names in nginx's own test suite (nginx-tests: http_host).
describe('hosts in Host and absolute targets', () => {
  test.each([
    ...['l', 'L', 'abcd-ef.g02.xyz', 'abcd-ef.g02.xyz:', 'abcd-ef.g02.xyz:8080', 'a.b.', 'a.b.:88'],
    ...['123.40.56.78', '123.40.56.78:', '123.40.56.78:0', '123.40.56.78:9999', '123.40.56.78:65535'],
    ...['[abcd::ef98:0:7654:321]', '[::1]:80', '[::ffff:12.30.67.89]', '[::123.45.67.89]:4321'],
  ])('may be %s', (host) => {
    expect(isAuthority(host)).toBe(true)
  })

  test.each([
    ...[
      '',
      '.',
      '.:80',
      ':80',
      '..a.b',
      'a..b',
      'a.b..:',
      'a/b',
      'a\\b',
      'a?b',
      'a#b',
      'u@a',
      'a b',
      'é',
      'a\x02',
    ],
    ...['a:1.2', 'a:-1', 'a:http', 'a:80:80', 'a:65536', 'a:98777', 'a:123456', '123.40.56.78:9000:80'],
    ...[
      '[::1',
      '::1',
      '[]',
      '[::1].',
      '[::1].:98',
      '[::1]..:98',
      '[ab..cd::1]',
      'a[::1]:98',
      '[::1]a',
      '[g::1]',
    ],
  ])('may not be %j', (host) => {
    expect(isAuthority(host)).toBe(false)
  })
})

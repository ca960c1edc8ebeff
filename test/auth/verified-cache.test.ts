import { createHmac, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KeyedHash } from '../../src/auth/keyed-hash.js'
import { VerifiedCache } from '../../src/auth/verified-cache.js'

const HOUR = 3_600_000
const credentials = (user: string, password: string) => ({
  user: Buffer.from(user),
  password: Buffer.from(password),
})

describe('the cache of verified passwords', () => {
  test('has what was added', () => {
    const cache = new VerifiedCache(10, HOUR)
    const key = cache.keyOf(credentials('ann', 'secret'), '{SHA}x')
    expect(cache.has(key)).toBe(false)
    cache.add(key)
    expect(cache.has(key)).toBe(true)
  })

  test('distinguishes user, password and stored hash, wherever one ends and the next begins', () => {
    const cache = new VerifiedCache(10, HOUR)
    const keys = [
      cache.keyOf(credentials('ann', 'secret'), 'hash'),
      cache.keyOf(credentials('ann', 'secret'), 'other'),
      cache.keyOf(credentials('anns', 'ecret'), 'hash'),
      cache.keyOf(credentials('ann', 'secreth'), 'ash'),
      cache.keyOf(credentials('an', 'nsecret'), 'hash'),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('has different keys in another process', () => {
    const [a, b] = [new VerifiedCache(1, HOUR), new VerifiedCache(1, HOUR)]
    expect(a.keyOf(credentials('ann', 'x'), 'y')).not.toBe(b.keyOf(credentials('ann', 'x'), 'y'))
  })

  test('is bounded, and evicts the least recently used', () => {
    const cache = new VerifiedCache(2, HOUR)
    cache.add('a')
    cache.add('b')
    cache.has('a')
    cache.add('c')
    expect(['a', 'b', 'c'].map((key) => cache.has(key))).toEqual([true, false, true])
    expect(cache.size).toBe(2)
  })

  test('expires entries, however often they are used', () => {
    let now = 0
    const cache = new VerifiedCache(2, 1000, () => now)
    cache.add('a')
    now += 999
    expect(cache.has('a')).toBe(true)
    now += 1
    expect(cache.has('a')).toBe(false)
    expect(cache.size).toBe(0)
  })

  test('with size 0 caches nothing', () => {
    const cache = new VerifiedCache(0, HOUR)
    cache.add('a')
    expect(cache.has('a')).toBe(false)
  })
})

test('the keyed hash is HMAC-SHA-256', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (message) => {
      const key = randomBytes(32)
      const hmac = new KeyedHash(key)
      for (let i = 0; i < 2; i++) {
        const code = hmac.of(message.length, (buffer, offset) => {
          buffer.set(message, offset)
          return offset + message.length
        })
        expect(code).toBe(createHmac('sha256', key).update(message).digest('binary'))
      }
    }),
  )
})

import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { digestOf, isToken, makeToken } from '../../../../src/auth/providers/tokens/token.js'

test('a token is htg_, 43 digits of 256 random bits and 6 of a checksum', () => {
  for (let i = 0; i < 200; i++) {
    const token = makeToken()
    expect(token).toMatch(/^htg_[0-9A-Za-z]{49}$/)
    expect(isToken(token)).toBe(true)
  }
  expect(new Set(Array.from({ length: 200 }, () => makeToken())).size).toBe(200)
})

test('extreme values have the same length', () => {
  expect(makeToken(Buffer.alloc(32))).toMatch(/^htg_0{43}[0-9A-Za-z]{6}$/)
  expect(isToken(makeToken(Buffer.alloc(32, 0xff)))).toBe(true)
})

test('the checksum is CRC-32 of the random digits in base 62, as GitHub’s', () => {
  // zlib.crc32(b'0' * 43) of Python is 2018072207.
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  let number = 2018072207
  let text = ''
  for (let i = 0; i < 6; i++, number = Math.floor(number / 62)) text = digits[number % 62] + text
  expect(makeToken(Buffer.alloc(32)).slice(-6)).toBe(text)
})

test('a changed character is detected', () => {
  const token = makeToken()
  for (let i = 4; i < token.length; i++) {
    const other = token[i] === 'x' ? 'y' : 'x'
    expect(isToken(token.slice(0, i) + other + token.slice(i + 1))).toBe(false)
  }
  for (const text of ['', 'htg_', `${token}0`, token.slice(0, -1), ` ${token}`, token.toUpperCase()]) {
    expect(isToken(text)).toBe(false)
  }
})

test('a token is stored as its SHA-256', () => {
  const token = makeToken()
  expect(digestOf(token)).toBe(createHash('sha256').update(token).digest('hex'))
})

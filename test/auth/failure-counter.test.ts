import { beforeEach, expect, test } from 'vitest'
import { FailureCounter } from '../../src/auth/failure-counter.js'

let now = 0
beforeEach(() => {
  now = 0
})
const counterOf = (window: number) => new FailureCounter(window, () => now)

test('failures count until the window of the first one ends', () => {
  const failures = counterOf(60_000)
  expect([failures.add('a'), failures.add('a'), failures.add('b')]).toEqual([1, 2, 1])
  now += 59_000
  expect(failures.count('a')).toBe(2)
  expect(failures.remaining('a')).toBeCloseTo(1000)
  now += 1000
  expect([failures.count('a'), failures.remaining('a'), failures.add('a')]).toEqual([0, 0, 1])
})

test('one failure can be undone, and all can be cleared', () => {
  const failures = counterOf(60_000)
  failures.add('a')
  failures.add('a')
  failures.remove('a')
  expect(failures.count('a')).toBe(1)
  failures.forget('a')
  expect(failures.count('a')).toBe(0)
  failures.remove('a')
  expect(failures.count('a')).toBe(0)
})

test('memory is bounded: the oldest are dropped', () => {
  const failures = counterOf(60_000)
  for (let i = 0; i < 150_000; i++) failures.add(`key ${i}`)
  expect(failures.size).toBe(100_000)
  expect([failures.count('key 0'), failures.count('key 149999')]).toEqual([0, 1])
})

test('expired failures use no memory, even if never looked up again', () => {
  const failures = counterOf(1000)
  for (let i = 0; i < 100; i++) failures.add(`old ${i}`)
  now += 600
  failures.add('young')
  now += 600
  failures.add('new')
  expect(failures.size).toBe(2)
  expect(failures.count('young')).toBe(1)
})

import { describe, expect, test } from 'vitest'
import { FairQueue } from '../../src/auth/fair-queue.js'

/** A queue of items named CLIENT/USER/NUMBER, and the items it dropped. */
function queueOf(limit: number, items: string[]): { queue: FairQueue<string>; gone: string[] } {
  const queue = new FairQueue<string>(limit)
  const gone: string[] = []
  for (const item of items) {
    const [client = '', user = ''] = item.split('/')
    const victim = queue.push(item, client, user)
    if (victim !== undefined) gone.push(victim)
  }
  return { queue, gone }
}

function drain(queue: FairQueue<string>): string[] {
  const items: string[] = []
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item)
  expect(queue.length).toBe(0)
  return items
}

test('one user’s items stay in order', () => {
  expect(drain(queueOf(9, ['c/u/1', 'c/u/2', 'c/u/3']).queue)).toEqual(['c/u/1', 'c/u/2', 'c/u/3'])
})

test('users of a client take turns, the newest first', () => {
  const { queue } = queueOf(9, ['c/u/1', 'c/u/2', 'c/v/1', 'c/v/2', 'c/w/1'])
  expect(drain(queue)).toEqual(['c/w/1', 'c/v/1', 'c/u/1', 'c/v/2', 'c/u/2'])
})

test('clients take turns, the newest first, however many users one claims to be', () => {
  const { queue } = queueOf(9, ['c/u/1', 'c/v/1', 'c/w/1', 'd/u/1', 'd/u/2'])
  expect(drain(queue)).toEqual(['d/u/1', 'c/w/1', 'd/u/2', 'c/v/1', 'c/u/1'])
})

test('suspects wait for others, but not forever', () => {
  const queue = new FairQueue<string>(99)
  for (let i = 0; i < 4; i++) queue.push(`suspect ${i}`, `s${i}`, 'u', true)
  for (let i = 0; i < 8; i++) queue.push(`other ${i}`, `c${i}`, 'u')
  const order = drain(queue)
    .map((item) => item[0])
    .join('')
  expect(order).toBe('ooosooosooss')
})

test('a client that becomes a suspect while waiting is treated as one', () => {
  const queue = new FairQueue<string>(99)
  for (const item of ['a/1', 'a/2', 'b/1']) queue.push(item, item[0] as string, item)
  queue.suspect('b')
  queue.suspect('nobody')
  queue.push('c/1', 'c', 'u')
  expect(queue.length).toBe(4)
  expect(drain(queue)).toEqual(['c/1', 'a/2', 'a/1', 'b/1'])
})

test('when full, it drops the client that has waited longest for a new one', () => {
  const { queue, gone } = queueOf(2, ['c/u/1', 'd/v/1', 'e/w/1'])
  expect(gone).toEqual(['c/u/1'])
  expect(drain(queue)).toEqual(['e/w/1', 'd/v/1'])
})

test('when full, it drops the last item of the client with the most', () => {
  const { queue, gone } = queueOf(3, ['c/u/1', 'c/v/1', 'c/v/2', 'd/u/1'])
  expect(gone).toEqual(['c/v/2'])
  expect(drain(queue)).toEqual(['d/u/1', 'c/v/1', 'c/u/1'])
})

test('the client with the most items displaces no other', () => {
  const { queue, gone } = queueOf(3, ['c/u/1', 'c/u/2', 'd/u/1', 'c/u/3', 'c/v/1'])
  expect(gone).toEqual(['c/u/3', 'c/u/2'])
  expect(drain(queue)).toEqual(['d/u/1', 'c/v/1', 'c/u/1'])
})

test('when full, it drops suspects first', () => {
  const queue = new FairQueue<string>(3)
  for (const client of ['a', 'b', 'c']) queue.push(client, client, 'u', true)
  expect(queue.push('other', 'd', 'u')).toBe('a')
  expect(queue.push('suspect', 'e', 'u', true)).toBe('b')
  expect(drain(queue)).toEqual(['other', 'suspect', 'c'])
})

test('with a limit of 0, it rejects everything', () => {
  expect(queueOf(0, ['c/u/1', 'd/u/1']).gone).toEqual(['c/u/1', 'd/u/1'])
})

test('an item can be removed', () => {
  const { queue } = queueOf(9, ['c/u/1', 'c/u/2', 'd/u/1'])
  queue.push('s', 'e', 'u', true)
  expect(queue.remove('c/u/1', 'c', 'u')).toBe(true)
  expect(queue.remove('s', 'e', 'u')).toBe(true)
  expect(queue.remove('c/u/1', 'c', 'u')).toBe(false)
  expect(drain(queue)).toEqual(['d/u/1', 'c/u/2'])
})

describe('a new user, in a flood of guesses that come as fast as they are answered', () => {
  const THREADS = 2

  /** How many guesses are answered before a new user at `address`, who arrives after `rounds` of them. */
  function waitOf(
    guesser: (i: number) => { client: string; user: string },
    connections: number,
    rounds: number,
    address: string,
  ) {
    const queue = new FairQueue<string>(256)
    const running: string[] = []
    const failed = new Set<string>()
    let count = 0
    const push = (item: string, client: string, user: string) => {
      if (running.length < THREADS) running.push(item)
      else queue.push(item, client, user, failed.has(client))
    }
    const guess = () => {
      const { client, user } = guesser(count++)
      push(JSON.stringify({ client }), client, user)
    }
    /** A guess is answered, the next one takes its place on a thread, and its client guesses again. */
    const answer = () => {
      const item = running.shift() as string
      const next = queue.shift()
      if (next !== undefined) running.push(next)
      if (item === 'new') return true
      const { client } = JSON.parse(item)
      if (!failed.has(client)) queue.suspect(client)
      failed.add(client)
      guess()
      return false
    }
    for (let i = 0; i < connections; i++) guess()
    for (let i = 0; i < rounds; i++) answer()
    push('new', address, 'ann')
    for (let answers = 0; ; answers++) if (answer()) return answers
  }

  test.each([
    ['for one user, from one address', () => ({ client: 'a', user: 'u' }), 64, 'a'],
    ['for many users, from the same address', (i: number) => ({ client: 'a', user: `${i}` }), 64, 'a'],
    ['for many users, from another address', (i: number) => ({ client: 'a', user: `${i}` }), 64, 'b'],
    ['from 200 addresses', (i: number) => ({ client: `${i % 200}`, user: `${i}` }), 200, 'b'],
    [
      'from 1,000 addresses, more than may wait',
      (i: number) => ({ client: `${i % 1000}`, user: `${i}` }),
      1000,
      'b',
    ],
  ])('%s, waits for a few', (_, guesser, connections, address) => {
    for (const rounds of [0, 1, 2, 3, 10, 50, 63, 64, 65, 200, 1000, 1001, 1002, 1003]) {
      expect(waitOf(guesser, connections, rounds, address), `after ${rounds}`).toBeLessThanOrEqual(
        2 * THREADS + 1,
      )
    }
  })
})

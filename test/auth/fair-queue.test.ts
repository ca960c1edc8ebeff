import { expect, test } from 'vitest'
import { FairQueue } from '../../src/auth/fair-queue.js'

/** A queue with items named CLIENT/USER/NUMBER, and those that had to go. */
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

test('one user’s items come in their order', () => {
  expect(drain(queueOf(9, ['c/u/1', 'c/u/2', 'c/u/3']).queue)).toEqual(['c/u/1', 'c/u/2', 'c/u/3'])
})

test('users of a client take turns, the newest first', () => {
  const { queue } = queueOf(9, ['c/u/1', 'c/u/2', 'c/v/1', 'c/v/2', 'c/w/1'])
  expect(drain(queue)).toEqual(['c/w/1', 'c/v/1', 'c/u/1', 'c/v/2', 'c/u/2'])
})

test('clients take turns, however many users one claims to be', () => {
  const { queue } = queueOf(9, ['c/u/1', 'c/v/1', 'c/w/1', 'd/u/1', 'd/u/2'])
  expect(drain(queue)).toEqual(['c/w/1', 'd/u/1', 'c/v/1', 'd/u/2', 'c/u/1'])
})

test('in a flood from one client that comes as fast as it is answered, someone new there is next', () => {
  const { queue } = queueOf(
    99,
    Array.from({ length: 64 }, (_, i) => `c/user ${i}/`),
  )
  queue.push('new', 'c', 'ann')
  expect(queue.shift()).toBe('new')
})

test('suspects wait for others, but not for ever', () => {
  const queue = new FairQueue<string>(99)
  for (let i = 0; i < 4; i++) queue.push(`suspect ${i}`, `s${i}`, 'u', true)
  for (let i = 0; i < 8; i++) queue.push(`other ${i}`, `c${i}`, 'u')
  const order = drain(queue)
    .map((item) => item[0])
    .join('')
  expect(order).toBe('ooosooosooss')
})

test('when it is full, suspects give way', () => {
  const queue = new FairQueue<string>(3)
  for (const client of ['a', 'b', 'c']) queue.push(client, client, 'u', true)
  expect(queue.push('other', 'd', 'u')).toBe('a')
  expect(queue.push('suspect', 'e', 'u', true)).toBe('suspect')
  expect(drain(queue)).toEqual(['other', 'b', 'c'])
})

test('an item can be taken out', () => {
  const { queue } = queueOf(9, ['c/u/1', 'c/u/2', 'd/u/1'])
  queue.push('s', 'e', 'u', true)
  expect(queue.remove('c/u/1', 'c', 'u')).toBe(true)
  expect(queue.remove('s', 'e', 'u')).toBe(true)
  expect(queue.remove('c/u/1', 'c', 'u')).toBe(false)
  expect(drain(queue)).toEqual(['c/u/2', 'd/u/1'])
})

test('when it is full, who asks for as much as anybody is refused', () => {
  const { queue, gone } = queueOf(2, ['c/u/1', 'd/v/1', 'e/w/1'])
  expect(gone).toEqual(['e/w/1'])
  expect(drain(queue)).toEqual(['c/u/1', 'd/v/1'])
})

test('when it is full, the last of who has most gives way to another', () => {
  const { queue, gone } = queueOf(3, ['c/u/1', 'c/v/1', 'c/v/2', 'd/u/1'])
  expect(gone).toEqual(['c/v/2'])
  expect(drain(queue)).toEqual(['c/v/1', 'd/u/1', 'c/u/1'])
})

test('who has most does not displace others', () => {
  const { queue, gone } = queueOf(3, ['c/u/1', 'c/u/2', 'd/u/1', 'c/u/3', 'c/v/1'])
  expect(gone).toEqual(['c/u/3', 'c/u/2'])
  expect(drain(queue)).toEqual(['c/v/1', 'd/u/1', 'c/u/1'])
})

test('where nothing may wait everything is refused', () => {
  expect(queueOf(0, ['c/u/1', 'd/u/1']).gone).toEqual(['c/u/1', 'd/u/1'])
})

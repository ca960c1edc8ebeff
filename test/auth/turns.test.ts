import { expect, test } from 'vitest'
import { Turns } from '../../src/auth/turns.js'

/** A queue with items named CLIENT/USER/NUMBER, and those that had to go. */
function queueOf(limit: number, items: string[]): { turns: Turns<string>; gone: string[] } {
  const turns = new Turns<string>(limit)
  const gone: string[] = []
  for (const item of items) {
    const [client = '', user = ''] = item.split('/')
    const victim = turns.push(item, client, user)
    if (victim !== undefined) gone.push(victim)
  }
  return { turns, gone }
}

function drain(turns: Turns<string>): string[] {
  const items: string[] = []
  for (let item = turns.shift(); item !== undefined; item = turns.shift()) items.push(item)
  expect(turns.length).toBe(0)
  return items
}

test('one user’s items come in their order', () => {
  expect(drain(queueOf(9, ['c/u/1', 'c/u/2', 'c/u/3']).turns)).toEqual(['c/u/1', 'c/u/2', 'c/u/3'])
})

test('users of a client take turns', () => {
  const { turns } = queueOf(9, ['c/u/1', 'c/u/2', 'c/u/3', 'c/v/1', 'c/w/1'])
  expect(drain(turns)).toEqual(['c/u/1', 'c/v/1', 'c/w/1', 'c/u/2', 'c/u/3'])
})

test('clients take turns, however many users one claims to be', () => {
  const { turns } = queueOf(9, ['c/u/1', 'c/v/1', 'c/w/1', 'd/u/1', 'd/u/2'])
  expect(drain(turns)).toEqual(['c/u/1', 'd/u/1', 'c/v/1', 'd/u/2', 'c/w/1'])
})

test('when it is full, who asks for as much as anybody is refused', () => {
  const { turns, gone } = queueOf(2, ['c/u/1', 'd/v/1', 'e/w/1'])
  expect(gone).toEqual(['e/w/1'])
  expect(drain(turns)).toEqual(['c/u/1', 'd/v/1'])
})

test('when it is full, the last of who has most gives way to another', () => {
  const { turns, gone } = queueOf(3, ['c/u/1', 'c/v/1', 'c/v/2', 'd/u/1'])
  expect(gone).toEqual(['c/v/2'])
  expect(drain(turns)).toEqual(['c/u/1', 'd/u/1', 'c/v/1'])
})

test('who has most does not displace others', () => {
  const { turns, gone } = queueOf(3, ['c/u/1', 'c/u/2', 'd/u/1', 'c/u/3', 'c/v/1'])
  expect(gone).toEqual(['c/u/3', 'c/u/2'])
  expect(drain(turns)).toEqual(['c/u/1', 'd/u/1', 'c/v/1'])
})

test('where nothing may wait everything is refused', () => {
  expect(queueOf(0, ['c/u/1', 'd/u/1']).gone).toEqual(['c/u/1', 'd/u/1'])
})

import { expect } from 'vitest'

/** Does what would wait for a lock if it had to, which it does by setTimeout; it must not. */
export async function withoutWaiting<T>(action: () => Promise<T>): Promise<T> {
  const { setTimeout } = globalThis
  const waits: string[] = []
  const noting = (...args: Parameters<typeof setTimeout>) => {
    const { stack = '' } = new Error('waits')
    // What earlier tests have left in this process may have timers of its own.
    if (stack.includes('/passwd-file/store/lock')) waits.push(stack)
    return setTimeout(...args)
  }
  globalThis.setTimeout = noting as typeof setTimeout
  try {
    return await action()
  } finally {
    globalThis.setTimeout = setTimeout
    expect(waits).toEqual([])
  }
}

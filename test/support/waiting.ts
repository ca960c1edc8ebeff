import { expect } from 'vitest'

/** Runs `action`, which must not wait for a lock. It would do so with setTimeout. */
export async function withoutWaiting<T>(action: () => Promise<T>): Promise<T> {
  const { setTimeout } = globalThis
  const waits: string[] = []
  const noting = (...args: Parameters<typeof setTimeout>) => {
    const { stack = '' } = new Error('waits')
    // Timers of earlier tests in this process do not count.
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

import { expect, vi } from 'vitest'

/** Does what would wait for a lock if it had to, which it does by setTimeout; it must not. */
export async function withoutWaiting<T>(action: () => Promise<T>): Promise<T> {
  const waits = vi.spyOn(globalThis, 'setTimeout')
  try {
    return await action()
  } finally {
    expect(waits).not.toHaveBeenCalled()
    waits.mockRestore()
  }
}

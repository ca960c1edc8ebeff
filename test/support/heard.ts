import { AsyncLocalStorage } from 'node:async_hooks'

type Stream = 'stdout' | 'stderr'
type Hear = (text: string) => void

const contexts = { stdout: new AsyncLocalStorage<Hear>(), stderr: new AsyncLocalStorage<Hear>() }

for (const name of ['stdout', 'stderr'] as const) {
  const write = process[name].write.bind(process[name]) as (...args: unknown[]) => boolean
  process[name].write = (...args: unknown[]) => {
    const hear = contexts[name].getStore()
    if (hear === undefined) return write(...args)
    hear(String(args[0]))
    return true
  }
}

/** Runs `action`; what it writes to the standard stream, then or later, is passed to `hear`. */
export const heard = <T>(stream: Stream, hear: Hear, action: () => T): T => contexts[stream].run(hear, action)

import { AsyncLocalStorage } from 'node:async_hooks'

type Stream = 'stdout' | 'stderr'
type Receive = (text: string) => void

const contexts = { stdout: new AsyncLocalStorage<Receive>(), stderr: new AsyncLocalStorage<Receive>() }

for (const name of ['stdout', 'stderr'] as const) {
  const write = process[name].write.bind(process[name]) as (...args: unknown[]) => boolean
  process[name].write = (...args: unknown[]) => {
    const receive = contexts[name].getStore()
    if (receive === undefined) return write(...args)
    receive(String(args[0]))
    return true
  }
}

/** Runs `action`, and passes what it writes to the standard stream, then or later, to `receive`. */
export const capture = <T>(stream: Stream, receive: Receive, action: () => T): T =>
  contexts[stream].run(receive, action)

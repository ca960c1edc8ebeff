const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const cleanUps = new Set<() => void>()

/**
 * Calls `cleanUp` before one of these signals ends the process. If there is another listener, the signal does not end the
 * process, and is left to that listener.
 * @returns a function that stops this, after handling signals that have already arrived
 */
export function beforeSignalsEnd(cleanUp: () => void): () => void {
  if (cleanUps.size === 0) for (const signal of ENDING) process.on(signal, obey)
  cleanUps.add(cleanUp)
  return () =>
    setImmediate(() => {
      cleanUps.delete(cleanUp)
      if (cleanUps.size === 0) stopListening()
    })
}

function obey(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  for (const cleanUp of cleanUps) cleanUp()
  stopListening()
  process.kill(process.pid, signal)
}

function stopListening(): void {
  for (const signal of ENDING) process.off(signal, obey)
}

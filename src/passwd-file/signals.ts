const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Has `cleanUp` called before one of these signals ends the process. Where somebody else listens to the signal, it
 * does not end the process, and is none of our business.
 * @returns a function that ends this, after the signals that have come in already
 */
export function beforeSignalsEnd(cleanUp: () => void): () => void {
  const obey = (signal: NodeJS.Signals) => {
    if (process.listenerCount(signal) > 1) return
    cleanUp()
    stop()
    process.kill(process.pid, signal)
  }
  const stop = () => {
    for (const signal of ENDING) process.off(signal, obey)
  }
  for (const signal of ENDING) process.on(signal, obey)
  return () => setImmediate(stop)
}

import { writeSync } from 'node:fs'
import { reason } from '../system/errno.js'
import type { Bytes } from './exit-status.js'
import { errors } from './messages.js'

// process.stdout and process.stderr take longer to load than all that the command does.

export const stderr = (text: Bytes): void => {
  try {
    writeAll(2, text)
  } catch {
    // Nobody is there to be told.
  }
}

/** To standard output, whole or not at all with status 0. */
export function print(text: Bytes): void {
  try {
    writeAll(1, text)
  } catch (error) {
    throw errors.cannotPrint(reason(error as Error))
  }
}

function writeAll(fd: number, text: Bytes): void {
  const bytes = Buffer.from(text)
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      pause()
    }
  }
}

/** A pipe that somebody else made non-blocking is full, or empty: wait a little. */
export function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
}

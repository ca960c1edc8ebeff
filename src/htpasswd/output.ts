import { writeSync } from 'node:fs'
import { reason } from '../system/errno.js'
import type { Bytes } from './exit-status.js'
import { errors } from './messages.js'

// Not process.stdout and process.stderr: they take longer to load than the rest of the command takes to run.

export const stderr = (text: Bytes): void => {
  try {
    writeAll(2, text)
  } catch {
    // There is nowhere to report this.
  }
}

/** Writes all of `text` to standard output. A reader that stops early, such as head(1), is not an error. */
export function print(text: Bytes): void {
  try {
    writeAll(1, text)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return
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

/** Waits a moment: for a pipe that is full or empty, and that another process has made non-blocking. */
export function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
}

import { isatty } from 'node:tty'
import { printable } from '../system/printable.js'

// Separate from output.ts because node:tty is slow to load.

/** A name, one character per byte, as bytes to write to `fd`: escaped on a terminal, unchanged elsewhere. */
export function nameFor(fd: 1 | 2, latin1: string): Buffer {
  const bytes = Buffer.from(latin1, 'latin1')
  return isatty(fd) ? Buffer.from(printable(bytes.toString())) : bytes
}

import { isatty } from 'node:tty'
import { printable } from '../system/printable.js'

// Apart from output.ts because node:tty takes long to load.

/** A name, one character per byte, as it may be written to `fd`: harmless on a terminal, its own bytes elsewhere. */
export function nameFor(fd: 1 | 2, latin1: string): Buffer {
  const bytes = Buffer.from(latin1, 'latin1')
  return isatty(fd) ? Buffer.from(printable(bytes.toString())) : bytes
}

import { fstatSync, readFileSync, readSync } from 'node:fs'
import { pause } from './output.js'

const CHUNK = 1 << 20

/** Reads `most` bytes of standard input, or fewer at its end; undefined if it cannot be read. */
export function readUpTo(most: number): Buffer | undefined {
  const bytes = Buffer.alloc(most)
  let length = 0
  try {
    while (length < most) {
      const count = readSome(bytes, length)
      if (count === 0) break
      length += count
    }
  } catch {
    return undefined
  }
  return bytes.subarray(0, length)
}

/** Reads all of standard input. */
export function readAll(): Buffer {
  const chunks: Buffer[] = []
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK)
    const count = readSome(chunk, 0)
    if (count === 0) return Buffer.concat(chunks)
    chunks.push(chunk.subarray(0, count))
  }
}

/** Reads what is available into `bytes` at `offset`, and returns the count; 0 at the end. Waits even if the pipe is non-blocking. */
function readSome(bytes: Buffer, offset: number): number {
  for (;;) {
    try {
      return readSync(0, bytes, offset, bytes.length - offset, null)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EOF') return 0
      if (code !== 'EAGAIN') throw error
      pause()
    }
  }
}

/** Node replaces a closed standard input by /dev/null, opened for writing too, which a shell's `<` never does. */
export function inputIsClosed(): boolean {
  try {
    if (!fstatSync(0).isCharacterDevice()) return false
    const [, flags = ''] = /^flags:\s*(\d+)/m.exec(readFileSync('/proc/self/fdinfo/0', 'latin1')) ?? []
    const isNull = fstatSync(0).rdev === 0x103
    return isNull && (Number.parseInt(flags, 8) & 3) === 2
  } catch {
    return false
  }
}

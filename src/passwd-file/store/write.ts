import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  type Stats,
  writeSync,
} from 'node:fs'
import { NO_FOLLOW } from '../../system/folder.js'
import type { Pieces } from '../records.js'

/** The system failed in the middle of a write in place: the file is neither the old one nor the new. */
export class PartlyWrittenError extends Error {
  override readonly name = 'PartlyWrittenError'
}

/**
 * Overwrites the file at `path`, if it is still the one that `stat` describes. Appends first, since the disk may be full; then
 * overwrites the old content.
 * @throws a system error: the file is then unchanged; PartlyWrittenError
 */
export function writeInPlace(path: string, { dev, ino }: Stats, pieces: Pieces): void {
  const content = Buffer.concat(pieces)
  withFile(path, constants.O_WRONLY | NO_FOLLOW, (fd) => {
    const { size, ...now } = fstatSync(fd)
    if (now.dev !== dev || now.ino !== ino) {
      throw Object.assign(new Error('it was replaced meanwhile'), { code: 'ESTALE' })
    }
    try {
      writeAll(fd, [content.subarray(size)], size)
      fsyncSync(fd)
    } catch (error) {
      ftruncateSync(fd, size)
      throw error
    }
    try {
      writeAll(fd, [content.subarray(0, size)], 0)
      if (content.length < size) ftruncateSync(fd, content.length)
      fsyncSync(fd)
    } catch (error) {
      throw new PartlyWrittenError((error as Error).message)
    }
  })
}

/** Writes to a terminal or a pipe, such as /dev/stdout, where there is nothing to replace. */
export function writeToDevice(path: string, pieces: Pieces): void {
  withFile(path, constants.O_WRONLY, (fd) => {
    if (fstatSync(fd).isFile()) {
      throw Object.assign(new Error('it was replaced by a file meanwhile'), { code: 'ESTALE' })
    }
    writeAll(fd, pieces, null)
  })
}

function withFile(path: string, flags: number, action: (fd: number) => void): void {
  const fd = openSync(path, flags)
  try {
    action(fd)
  } finally {
    closeSync(fd)
  }
}

/** Writes everything, even if the system accepts only part of it at a time. */
export function writeAll(fd: number, pieces: Pieces, start: number | null): void {
  let position = start
  for (const piece of pieces) {
    for (let done = 0; done < piece.length; ) {
      const written = writeSync(fd, piece, done, piece.length - done, position)
      done += written
      if (position !== null) position += written
    }
  }
}

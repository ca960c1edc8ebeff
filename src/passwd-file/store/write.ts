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
 * Overwrites the file at `path`, if it is still the one that `stat` tells of. Growth comes first, where the disk may turn
 * out to be full; then what was there is overwritten.
 * @throws a system error: the file is then as it was; PartlyWrittenError
 */
export function writeInPlace(path: string, { dev, ino }: Stats, pieces: Pieces): void {
  const content = Buffer.concat(pieces)
  withFile(path, constants.O_WRONLY | NO_FOLLOW, (fd) => {
    const { size, ...now } = fstatSync(fd)
    if (now.dev !== dev || now.ino !== ino) {
      throw Object.assign(new Error('it was exchanged meanwhile'), { code: 'ESTALE' })
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

/** What has nothing to lose and nothing to replace: a terminal or a pipe, /dev/stdout for one. */
export function writeToDevice(path: string, pieces: Pieces): void {
  withFile(path, constants.O_WRONLY, (fd) => {
    if (fstatSync(fd).isFile()) {
      throw Object.assign(new Error('it was exchanged for a file meanwhile'), { code: 'ESTALE' })
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

/** Writes all of it, however much the system takes at a time. */
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

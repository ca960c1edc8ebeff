import { readFileSync } from 'node:fs'
import { reason } from '../system/errno.js'
import { readAll } from './input.js'
import { complaints } from './many/messages.js'

/** The whole password file, for commands that only read it; `-` is standard input. */
export function readPasswordFile(file: string): Buffer {
  try {
    return file === '-' ? readAll() : readFileSync(file)
  } catch (error) {
    throw complaints.cannotRead(fileName(file), reason(error as Error))
  }
}

/** A file operand as messages name it. */
export const fileName = (file: string): string => (file === '-' ? 'standard input' : file)

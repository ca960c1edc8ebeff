import { readFileSync } from 'node:fs'
import { reason } from '../system/errno.js'
import { readAll } from './input.js'
import { complaints } from './many/messages.js'

/** Reads the whole password file, for commands that do not write it; `-` is standard input. */
export function readPasswordFile(file: string): Buffer {
  try {
    return file === '-' ? readAll() : readFileSync(file)
  } catch (error) {
    throw complaints.cannotRead(fileName(file), reason(error as Error))
  }
}

/** The name of a file operand in messages. */
export const fileName = (file: string): string => (file === '-' ? 'standard input' : file)

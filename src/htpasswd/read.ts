import { readFileSync } from 'node:fs'
import { reason } from '../system/errno.js'
import { complaints } from './many/messages.js'

/** The whole password file, for what only reads it. */
export function readPasswordFile(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw complaints.cannotRead(file, reason(error as Error))
  }
}

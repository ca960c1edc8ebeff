import { STATUS_CODES } from 'node:http'
import { CHUNKED, type Length } from './framing.js'

// Writes heads, chunks and trailers as Latin-1 text. `lines` are field lines, each with its CRLF.

export function requestHead(method: string, path: string, lines: string, length: Length): string {
  return `${method} ${path} HTTP/1.1\r\n${lines}${lengthLine(length)}\r\n`
}

/** @param reason undefined for the standard one */
export function statusLine(status: number, reason: string | undefined): string {
  return `HTTP/1.1 ${status} ${reason ?? STATUS_CODES[status] ?? ''}\r\n`
}

/** The field with the length of a body; empty for `UNTIL_CLOSE`. */
export function lengthLine(length: Length): string {
  if (length >= 0) return `Content-Length: ${length}\r\n`
  return length === CHUNKED ? 'Transfer-Encoding: chunked\r\n' : ''
}

/** The line before the bytes of a chunk; CRLF follows the bytes. */
export const chunkSize = (size: number): string => `${size.toString(16)}\r\n`

/** The end of a chunked body. */
export const lastChunk = (trailers: string): string => `0\r\n${trailers}\r\n`

let second = 0
let line = ''

/** The `Date` field (RFC 9110, section 6.6.1), formatted once a second. */
export function dateLine(): string {
  const now = Math.floor(Date.now() / 1000)
  if (now !== second) {
    second = now
    line = `Date: ${new Date(now * 1000).toUTCString()}\r\n`
  }
  return line
}

import { isUtf8 } from 'node:buffer'

// Why credentials may fail although the user is sure of them: the ways in which scripts and old clients spoil a password.
// It is told from what the client sent alone, so nobody learns anything from it about the password file.

export type CredentialFault = 'line-break' | 'not-utf-8' | 'control-character'

/** What is wrong with the user name or password in an Authorization header for HTTP Basic; undefined if nothing is. */
export function faultOf(authorization: string | readonly string[] | undefined): CredentialFault | undefined {
  if (typeof authorization !== 'string') return undefined
  const [, token] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  if (token === undefined) return undefined
  const bytes = Buffer.from(token, 'base64')
  const last = bytes.at(-1)
  if (last === 0x0a || last === 0x0d) return 'line-break'
  if (bytes.some((byte) => byte < 0x20 || byte === 0x7f)) return 'control-character'
  return isUtf8(bytes) ? undefined : 'not-utf-8'
}

import { isUtf8 } from 'node:buffer'

// Ways in which scripts and old clients corrupt a correct password. They are recognized from the request alone, so reporting
// them reveals nothing about the password file.

export type CredentialFault = 'line-break' | 'not-utf-8' | 'control-character'

/** The fault in the user name or password of a Basic Authorization header; undefined if there is none. */
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

import { createHash, randomBytes } from 'node:crypto'
import type { Principal } from '../principal.js'

// What the session cookie holds: who logged in, which of the configured groups she is in, and until when. No token, and
// never 500 bytes: groups are bits, one for each group that the configuration names, and a login with a name of more than
// 255 bytes is refused before it gets here.

const ID_BYTES = 9
const FINGERPRINT_BYTES = 4
const HEAD_BYTES = ID_BYTES + FINGERPRINT_BYTES + 4 + 4 + 1 + 2

export interface Session {
  /** Tells sessions of one user apart. */
  readonly id: string
  readonly user: string
  /** The provider that the login was by. */
  readonly provider: string
  /** Of the configured groups, those that the user is in. */
  readonly groups: readonly string[]
  /** In milliseconds since the epoch, to the second, as all times here. */
  readonly issued: number
  readonly expires: number
}

export const newSession = ({ name, provider, groups }: Principal, issued: number, ttl: number): Session => ({
  id: randomBytes(ID_BYTES).toString('base64url'),
  user: name,
  provider,
  groups,
  issued: Math.floor(issued / 1000) * 1000,
  expires: Math.floor((issued + ttl) / 1000) * 1000,
})

/** The groups that the configuration names, so that a session need hold no others; in an order of their own. */
export class ConfiguredGroups {
  readonly names: readonly string[]
  /** Tells lists apart: bits mean nothing by another one. */
  readonly fingerprint: Buffer

  constructor(names: Iterable<string>) {
    this.names = [...new Set(names)].sort()
    this.fingerprint = createHash('sha256')
      .update(JSON.stringify(this.names))
      .digest()
      .subarray(0, FINGERPRINT_BYTES)
  }

  toBits(groups: readonly string[]): Buffer {
    const bits = Buffer.alloc(Math.ceil(this.names.length / 8))
    const member = new Set(groups)
    for (const [i, name] of this.names.entries()) {
      if (member.has(name)) bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7))
    }
    return bits
  }

  fromBits(bits: Buffer): string[] {
    return this.names.filter((_, i) => ((bits[i >> 3] ?? 0) >> (i & 7)) & 1)
  }
}

/**
 * What is sealed: ID (9 bytes), fingerprint (4), issued (4) and length (4) in seconds, then provider, group bits and user,
 * the first two with their lengths (1 and 2).
 */
export function serializeSession(session: Session, configured: ConfiguredGroups): Buffer {
  const provider = Buffer.from(session.provider)
  const bits = configured.toBits(session.groups)
  const numbers = Buffer.alloc(HEAD_BYTES - ID_BYTES - FINGERPRINT_BYTES)
  numbers.writeUInt32BE(session.issued / 1000, 0)
  numbers.writeUInt32BE((session.expires - session.issued) / 1000, 4)
  numbers.writeUInt8(provider.length, 8)
  numbers.writeUInt16BE(bits.length, 9)
  const id = Buffer.from(session.id, 'base64url')
  return Buffer.concat([id, configured.fingerprint, numbers, provider, bits, Buffer.from(session.user)])
}

/**
 * The session in an opened seal. One that was made when the configuration named other groups isn't known any more: the
 * user logs in again, silently at an issuer where she is logged in.
 */
export function parseSession(bytes: Buffer, configured: ConfiguredGroups): Session | undefined {
  if (bytes.length < HEAD_BYTES) return undefined
  const id = bytes.toString('base64url', 0, ID_BYTES)
  const fingerprint = bytes.subarray(ID_BYTES, ID_BYTES + FINGERPRINT_BYTES)
  if (!fingerprint.equals(configured.fingerprint)) return undefined
  const numbers = bytes.subarray(ID_BYTES + FINGERPRINT_BYTES)
  const issued = numbers.readUInt32BE(0) * 1000
  const expires = issued + numbers.readUInt32BE(4) * 1000
  const bitsStart = HEAD_BYTES + numbers.readUInt8(8)
  const userStart = bitsStart + numbers.readUInt16BE(9)
  const provider = bytes.toString('utf8', HEAD_BYTES, bitsStart)
  const groups = configured.fromBits(bytes.subarray(bitsStart, userStart))
  return { id, user: bytes.toString('utf8', userStart), provider, groups, issued, expires }
}

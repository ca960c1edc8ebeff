import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { Principal } from '../principal.js'

// What the session cookie contains: the user, which of the configured groups the user is in, when the session ends, and what
// can end it earlier: the issuer's session, or the password. It contains no token, and stays under 500 bytes: each group that
// the configuration names takes one bit, and user names have at most 255 bytes.

const ID_BYTES = 9
const FINGERPRINT_BYTES = 4
const ORIGIN_BYTES = 8
const NO_ORIGIN = Buffer.alloc(ORIGIN_BYTES)
const MARK_BYTES = ORIGIN_BYTES
/** Flag in the length of the provider's name: the session has a mark in place of the digests. */
const HAS_MARK = 0x80
const HEAD_BYTES = ID_BYTES + FINGERPRINT_BYTES + 2 * ORIGIN_BYTES + 4 + 4 + 1 + 2

/** An issuer's identifiers of a login: the session there (`sid`) and the account (`sub`). */
export interface Origin {
  readonly sid?: string | undefined
  readonly sub?: string | undefined
}

export interface Session {
  /** Distinguishes the sessions of a user. */
  readonly id: string
  readonly user: string
  /** The provider of the login. */
  readonly provider: string
  /** The configured groups that the user is in. */
  readonly groups: readonly string[]
  /** Digests of the issuer's identifiers; see `digestsOf`. */
  readonly origin: Origin
  /** In milliseconds since the epoch, with a precision of seconds, like all times here. */
  readonly issued: number
  readonly expires: number
  /** A digest of the password's mark (`Provider.passwordMark`) at the login; undefined if there was none. */
  readonly mark?: string | undefined
}

/**
 * @param issued in milliseconds since the epoch
 * @param ttl in milliseconds
 * @param origin as the issuer's ID token has it
 * @param passwordMark the provider's mark of the password, for a login with one
 */
export function newSession(
  { name, provider, groups }: Principal,
  issued: number,
  ttl: number,
  origin: Origin = {},
  passwordMark?: string,
): Session {
  const id = randomBytes(ID_BYTES).toString('base64url')
  return {
    id,
    user: name,
    provider,
    groups,
    origin: digestsOf(origin),
    issued: Math.floor(issued / 1000) * 1000,
    expires: Math.floor((issued + ttl) / 1000) * 1000,
    mark: passwordMark === undefined ? undefined : markDigest(id, passwordMark),
  }
}

/** Differs between sessions, so that cookies do not reveal whether two passwords are the same. */
export const markDigest = (id: string, passwordMark: string): string =>
  createHmac('sha256', id).update(passwordMark).digest().toString('base64url', 0, MARK_BYTES)

/** Digests of 64 bits. A collision would end one session too many, and its user would log in again. */
export const digestsOf = ({ sid, sub }: Origin): Origin => ({
  ...(sid === undefined ? {} : { sid: digest(`sid ${sid}`) }),
  ...(sub === undefined ? {} : { sub: digest(`sub ${sub}`) }),
})

const digest = (text: string): string =>
  createHash('sha256').update(text).digest().toString('base64url', 0, ORIGIN_BYTES)

/** The groups in the configuration, sorted. Sessions store no others. */
export class ConfiguredGroups {
  readonly names: readonly string[]
  /** Identifies the list, since bits are meaningless with another one. */
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
 * What is sealed: ID (9 bytes), fingerprint (4), digests of `sid` and `sub` (8 each, zeros where there is none), issued (4)
 * and length (4) in seconds, then provider, group bits and user, the first two with their lengths (1 and 2). A login by a
 * password has the mark in place of the first digest, and 128 added to the length of the provider's name.
 */
export function serializeSession(session: Session, configured: ConfiguredGroups): Buffer {
  const provider = Buffer.from(session.provider)
  const bits = configured.toBits(session.groups)
  const numbers = Buffer.alloc(HEAD_BYTES - ID_BYTES - FINGERPRINT_BYTES - 2 * ORIGIN_BYTES)
  numbers.writeUInt32BE(session.issued / 1000, 0)
  numbers.writeUInt32BE((session.expires - session.issued) / 1000, 4)
  numbers.writeUInt8(provider.length | (session.mark === undefined ? 0 : HAS_MARK), 8)
  numbers.writeUInt16BE(bits.length, 9)
  const id = Buffer.from(session.id, 'base64url')
  const { sid, sub } = session.origin
  const origin = [session.mark ?? sid, sub].map((each) => (each ? Buffer.from(each, 'base64url') : NO_ORIGIN))
  const user = Buffer.from(session.user)
  return Buffer.concat([id, configured.fingerprint, ...origin, numbers, provider, bits, user])
}

/**
 * Decodes a session; undefined if it was made with other groups in the configuration. The user then logs in again, without a
 * prompt if still logged in at the issuer.
 */
export function parseSession(bytes: Buffer, configured: ConfiguredGroups): Session | undefined {
  if (bytes.length < HEAD_BYTES) return undefined
  const id = bytes.toString('base64url', 0, ID_BYTES)
  const fingerprint = bytes.subarray(ID_BYTES, ID_BYTES + FINGERPRINT_BYTES)
  if (!fingerprint.equals(configured.fingerprint)) return undefined
  const digestAt = (start: number) => {
    const found = bytes.subarray(start, start + ORIGIN_BYTES)
    return found.equals(NO_ORIGIN) ? undefined : found.toString('base64url')
  }
  const originStart = ID_BYTES + FINGERPRINT_BYTES
  const numbers = bytes.subarray(originStart + 2 * ORIGIN_BYTES)
  const hasMark = (numbers.readUInt8(8) & HAS_MARK) !== 0
  const [first, sub] = [digestAt(originStart), digestAt(originStart + ORIGIN_BYTES)]
  const mark = hasMark ? (first ?? NO_ORIGIN.toString('base64url')) : undefined
  const sid = hasMark ? undefined : first
  const origin = { ...(sid === undefined ? {} : { sid }), ...(sub === undefined ? {} : { sub }) }
  const issued = numbers.readUInt32BE(0) * 1000
  const expires = issued + numbers.readUInt32BE(4) * 1000
  const bitsStart = HEAD_BYTES + (numbers.readUInt8(8) & ~HAS_MARK)
  const userStart = bitsStart + numbers.readUInt16BE(9)
  const provider = bytes.toString('utf8', HEAD_BYTES, bitsStart)
  const groups = configured.fromBits(bytes.subarray(bitsStart, userStart))
  return { id, user: bytes.toString('utf8', userStart), provider, groups, origin, issued, expires, mark }
}

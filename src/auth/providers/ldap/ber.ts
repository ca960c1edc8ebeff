import { isUtf8 } from 'node:buffer'

// Parses a directory server's responses (RFC 4511, in BER). Strict and bounded: any inconsistency is an error, since a
// missing result must never be taken for 0, which means success.

export interface Result {
  readonly kind: 'result'
  readonly id: number
  readonly operation: 'bind' | 'search' | 'extended'
  readonly code: number
  readonly matchedDn: string
  /** The server's message. */
  readonly diagnostic: string
  readonly referrals: readonly string[]
  /** Of an extended operation. */
  readonly oid?: string
  readonly value?: Buffer
  /** By their OIDs. */
  readonly controls: ReadonlyMap<string, Buffer>
}

/** Values by attribute in lower case. */
export type Attributes = ReadonlyMap<string, readonly string[]>

export interface Entry {
  readonly dn: string
  readonly attributes: Attributes
}

export type Response =
  | Result
  | ({ readonly kind: 'entry'; readonly id: number } & Entry)
  /** A reference to another server or an intermediate response: ignored. */
  | { readonly kind: 'other'; readonly id: number }

export class MalformedError extends Error {}

const INTEGER = 0x02
const OCTET_STRING = 0x04
const ENUMERATED = 0x0a
const SEQUENCE = 0x30
const SET = 0x31
const BOOLEAN = 0x01
const CONTROLS = 0xa0
const REFERRAL = 0xa3
const EXTENDED_OID = 0x8a
const EXTENDED_VALUE = 0x8b

const RESULTS: Readonly<Record<number, Result['operation']>> = { 97: 'bind', 101: 'search', 120: 'extended' }
const ENTRY = 0x64
const REFERENCE = 0x73
const INTERMEDIATE = 0x79

/**
 * The length of the message at the start of `bytes`; undefined if that takes more bytes.
 * @throws MalformedError if it is not a message, or longer than `most`
 */
export function messageLength(bytes: Buffer, most: number): number | undefined {
  if (bytes.length === 0) return undefined
  if (bytes[0] !== SEQUENCE) throw new MalformedError('not LDAP')
  const head = lengthAt(bytes, 1, bytes.length)
  if (head === undefined) return undefined
  const length = head.start + head.length
  if (length > most) throw new MalformedError('a message that is too long')
  return length
}

/** @throws MalformedError */
export function parseMessage(bytes: Buffer): Response {
  const message = new Reader(bytes).enter(SEQUENCE)
  const id = message.integer(INTEGER)
  const tag = message.peek()
  const body = message.enter(tag)
  if (tag === ENTRY) return { kind: 'entry', id, ...entry(body) }
  if (tag === REFERENCE || tag === INTERMEDIATE) return { kind: 'other', id }
  const operation = RESULTS[tag]
  if (operation === undefined) throw new MalformedError('an unexpected message')
  return { kind: 'result', id, operation, ...result(body), controls: controls(message) }
}

function result(body: Reader) {
  const code = body.integer(ENUMERATED)
  const matchedDn = body.text()
  const diagnostic = body.text()
  const referrals: string[] = []
  if (body.peek() === REFERRAL) {
    const list = body.enter(REFERRAL)
    while (list.more) referrals.push(list.text())
  }
  let oid: string | undefined
  let value: Buffer | undefined
  while (body.more) {
    const tag = body.peek()
    const bytes = body.bytes(tag)
    if (tag === EXTENDED_OID) oid = bytes.toString()
    if (tag === EXTENDED_VALUE) value = bytes
  }
  return { code, matchedDn, diagnostic, referrals, ...(oid && { oid }), ...(value && { value }) }
}

function entry(body: Reader): Entry {
  const dn = body.text()
  const attributes = new Map<string, string[]>()
  const list = body.enter(SEQUENCE)
  while (list.more) {
    const attribute = list.enter(SEQUENCE)
    const name = attribute.text().toLowerCase()
    const values = attributes.get(name) ?? []
    attributes.set(name, values)
    const set = attribute.enter(SET)
    while (set.more) {
      const bytes = set.bytes(OCTET_STRING)
      // No attribute used here is binary.
      if (isUtf8(bytes)) values.push(bytes.toString())
    }
  }
  return { dn, attributes }
}

function controls(message: Reader): Map<string, Buffer> {
  const found = new Map<string, Buffer>()
  if (message.peek() !== CONTROLS) return found
  const list = message.enter(CONTROLS)
  while (list.more) {
    const control = list.enter(SEQUENCE)
    const oid = control.text()
    if (control.peek() === BOOLEAN) control.bytes(BOOLEAN)
    found.set(oid, control.more ? control.bytes(OCTET_STRING) : Buffer.alloc(0))
  }
  return found
}

export class Reader {
  readonly #bytes: Buffer
  #offset: number
  readonly #end: number

  constructor(bytes: Buffer, offset = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#offset = offset
    this.#end = end
  }

  get more(): boolean {
    return this.#offset < this.#end
  }

  /** The next tag; 0 at the end. */
  peek(): number {
    return this.more ? (this.#bytes[this.#offset] as number) : 0
  }

  bytes(tag: number): Buffer {
    const { start, end } = this.#next(tag)
    return this.#bytes.subarray(start, end)
  }

  enter(tag: number): Reader {
    const { start, end } = this.#next(tag)
    return new Reader(this.#bytes, start, end)
  }

  text(): string {
    return this.bytes(OCTET_STRING).toString()
  }

  integer(tag: number): number {
    const bytes = this.bytes(tag)
    if (bytes.length < 1 || bytes.length > 4) throw new MalformedError('a number of invalid length')
    return bytes.readIntBE(0, bytes.length)
  }

  #next(tag: number): { start: number; end: number } {
    if (!this.more || this.peek() !== tag) throw new MalformedError('a truncated message')
    const head = lengthAt(this.#bytes, this.#offset + 1, this.#end)
    if (head === undefined || head.start + head.length > this.#end) {
      throw new MalformedError('a truncated message')
    }
    this.#offset = head.start + head.length
    return { start: head.start, end: this.#offset }
  }
}

function lengthAt(bytes: Buffer, offset: number, end: number): { start: number; length: number } | undefined {
  const first = offset < end ? bytes[offset] : undefined
  if (first === undefined) return undefined
  if (first < 0x80) return { start: offset + 1, length: first }
  const size = first & 0x7f
  if (size === 0 || size > 4) throw new MalformedError('not LDAP')
  if (offset + 1 + size > end) return undefined
  return { start: offset + 1 + size, length: bytes.readUIntBE(offset + 1, size) }
}

import { setImmediate as nextTurn } from 'node:timers/promises'
import { DIGEST_LENGTH, eachLine, looksLikeRecord, parse, type TokenRecord } from './records.js'

// The tokens of a file, stored as compactly as the users of a password file: the file's bytes, and a hash table with open
// addressing of where each record starts. A record is parsed when its token is used.

const SLICE_MS = 8
const STEP_BYTES = 64 * 1024
const LINES_NAMED = 10
const MAX_PARSED = 10_000
const SPACE = 0x20
/** Positions in the file are stored in 32 bits. */
const MAX_BYTES = 0xffff_fffe

/** Lines that are not records. */
export interface Skipped {
  readonly count: number
  /** The numbers of the first ones. */
  readonly first: readonly number[]
}

export class TokenTable {
  static readonly empty = new TokenTable(Buffer.alloc(0), new Uint32Array(1), 0, 0, { count: 0, first: [] })
  readonly #bytes: Buffer
  /** Start of each record plus one; 0 for an empty slot. */
  readonly #slots: Uint32Array
  /** Parsed records of tokens that have been used. */
  readonly #parsed = new Map<string, TokenRecord>()

  private constructor(
    bytes: Buffer,
    slots: Uint32Array,
    readonly size: number,
    /** Equal for tables with the same tokens, regardless of their last use. */
    readonly fingerprint: number,
    readonly skipped: Skipped,
  ) {
    this.#bytes = bytes
    this.#slots = slots
  }

  /** Indexes `bytes`, which must not change afterwards, without blocking the event loop. The first of duplicates wins. */
  static async build(bytes: Buffer): Promise<TokenTable> {
    if (bytes.length > MAX_BYTES) throw new RangeError('the file is larger than 4 GiB')
    const starts: number[] = []
    const skipped = { count: 0, first: [] as number[] }
    let fingerprint = 0
    let sliceStart = performance.now()
    const pause = async () => {
      if (performance.now() - sliceStart < SLICE_MS) return
      await nextTurn()
      sliceStart = performance.now()
    }
    const visit = (start: number, end: number, number: number) => {
      if (looksLikeRecord(bytes, start, end)) {
        starts.push(start)
        fingerprint = (fingerprint + hashOf(bytes, start, bytes.lastIndexOf(SPACE, end - 1))) % 2 ** 52
      } else if (skipped.count++ < LINES_NAMED) skipped.first.push(number)
    }
    for (let position = { start: 0, number: 1 }; position.start < bytes.length; await pause()) {
      position = eachLine(bytes, visit, position, Math.min(position.start + STEP_BYTES, bytes.length))
    }
    const slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * starts.length + 1)))
    let size = 0
    for (let i = 0; i < starts.length; i++) {
      if (i % 1024 === 0) await pause()
      if (insert(bytes, slots, starts[i] as number)) size++
    }
    return new TokenTable(bytes, slots, size, fingerprint, skipped)
  }

  /** The record of the token with this digest. */
  get(digest: string): TokenRecord | undefined {
    const known = this.#parsed.get(digest)
    if (known) return known
    const start = this.#startOf(digest)
    const record = start === undefined ? undefined : parse(lineAt(this.#bytes, start))
    if (record === undefined) return undefined
    if (this.#parsed.size >= MAX_PARSED) this.#parsed.clear()
    this.#parsed.set(digest, record)
    return record
  }

  has(digest: string): boolean {
    return this.#startOf(digest) !== undefined
  }

  #startOf(digest: string): number | undefined {
    const mask = this.#slots.length - 1
    for (let slot = Number.parseInt(digest.slice(0, 8), 16) & mask; ; slot = (slot + 1) & mask) {
      const found = this.#slots[slot] as number
      if (found === 0) return undefined
      if (isAt(this.#bytes, found - 1, digest)) return found - 1
    }
  }

  /** All records, or those of one user, without blocking the event loop. */
  async list(user?: string): Promise<TokenRecord[]> {
    return listTokens(this.#bytes, user)
  }
}

/** A warning about the lines of `file` that are not records. */
export function skippedText(file: string, { count, first }: Skipped): string {
  const more = count > first.length ? ` and ${count - first.length} more` : ''
  return `${file}: line${count === 1 ? '' : 's'} ${first.join(', ')}${more}: not a token record, skipped`
}

/** Parses the records of a token file: all, or those of one user. */
export async function listTokens(bytes: Buffer, user?: string): Promise<TokenRecord[]> {
  const records = new Map<string, TokenRecord>()
  const visit = (start: number, end: number) => {
    const record = parse(bytes.toString('utf8', start, end))
    if (record && (user === undefined || record.user === user) && !records.has(record.digest)) {
      records.set(record.digest, record)
    }
  }
  for (let position = { start: 0, number: 1 }; position.start < bytes.length; await nextTurn()) {
    position = eachLine(bytes, visit, position, Math.min(position.start + 16 * STEP_BYTES, bytes.length))
  }
  return [...records.values()]
}

function insert(bytes: Buffer, slots: Uint32Array, start: number): boolean {
  const mask = slots.length - 1
  const digest = bytes.toString('latin1', start, start + DIGEST_LENGTH)
  let slot = Number.parseInt(digest.slice(0, 8), 16) & mask
  for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
    if (isAt(bytes, (slots[slot] as number) - 1, digest)) return false
  }
  slots[slot] = start + 1
  return true
}

/** Compares digests. The time it takes reveals nothing about unknown tokens, since digests cannot be chosen. */
function isAt(bytes: Buffer, start: number, digest: string): boolean {
  for (let i = 0; i < DIGEST_LENGTH; i++) if (bytes[start + i] !== digest.charCodeAt(i)) return false
  return true
}

function lineAt(bytes: Buffer, start: number): string {
  const newline = bytes.indexOf(0x0a, start)
  return bytes.toString('utf8', start, newline === -1 ? bytes.length : newline)
}

/** FNV-1a. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  return hash >>> 0
}

import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { eachLine, encodedOf, type Malformed, type RecordLine } from '../../../passwd-file/records.js'
import { schemeOf } from '../../../schemes/index.js'
import { unsupportedScheme } from '../../../schemes/unsupported.js'
import { DEFAULT_MAX_HASH_COST, isCostly } from './hash-cost.js'
import { RecordKinds } from './record-kinds.js'

// The users of a password file, with lookups in constant time. A Map of a million strings takes several times the file's
// size; this stores the file's bytes, and a hash table with open addressing of where each user's record starts.

const COLON = 0x3a
/** How long to block the event loop, in milliseconds, and how many bytes to process between looks at the clock. */
const SLICE_MS = 8
const STEP_BYTES = 64 * 1024
const STEP_RECORDS = 1024
const LINES_NAMED = 10
/** Positions in the file are stored in 32 bits. */
const MAX_BYTES = 0xffff_fffe

/** Lines with a problem. */
export interface Lines {
  readonly count: number
  /** Line numbers of the first ten. */
  readonly first: readonly number[]
}

/** Records that work, but have a weak hash. */
export interface WeakRecords {
  readonly count: number
  /** The first ten, and why they are weak. */
  readonly first: readonly { readonly line: number; readonly user: string; readonly reason: string }[]
}

export class UsersTable {
  readonly #bytes: Buffer
  /** Start of each user's record plus one; 0 for an empty slot. */
  readonly #slots: Uint32Array
  /** Start of some user's record. */
  readonly #anyRecord: number | undefined
  readonly size: number
  /** Number of records by scheme; `unknown` for hashes of no known scheme. */
  readonly schemes: Readonly<Record<string, number>>
  /** Lines that are not records. */
  readonly skipped: Lines
  /** Records that match no password: plaintext, or a hash that no scheme supports. */
  readonly unusable: Lines

  /** Records whose hash costs more than a login may. */
  readonly costly: Lines
  readonly weak: WeakRecords
  readonly #kinds: RecordKinds
  readonly #maxHashCost: number

  private constructor(
    bytes: Buffer,
    records: Records,
    slots: Uint32Array,
    size: number,
    maxHashCost: number,
  ) {
    this.#bytes = bytes
    this.#slots = slots
    this.#anyRecord = records.starts.length > 0 ? records.starts.at(records.starts.length - 1) : undefined
    this.size = size
    this.schemes = records.schemes
    this.skipped = records.skipped
    this.unusable = records.unusable
    this.costly = records.costly
    this.weak = records.weak
    this.#kinds = records.kinds
    this.#maxHashCost = maxHashCost
  }

  /**
   * Indexes `bytes`, which must not change afterwards, without blocking the event loop. If a user has several records, the
   * first wins, as in nginx and httpd.
   *
   * @param maxHashCost see `isCostly`
   */
  static async build(bytes: Buffer, maxHashCost = DEFAULT_MAX_HASH_COST): Promise<UsersTable> {
    if (bytes.length > MAX_BYTES) throw new RangeError('the file is larger than 4 GiB')
    const slices = new Slices()
    const records = await recordsIn(bytes, slices, maxHashCost)
    const { starts, hashes } = records
    const slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * starts.length + 1)))
    let size = 0
    for (let record = 0; record < starts.length; record++) {
      if (record % STEP_RECORDS === 0) await slices.end()
      if (insert(bytes, slots, starts.at(record), hashes.at(record))) size++
    }
    return new UsersTable(bytes, records, slots, size, maxHashCost)
  }

  /** The stored hash of `user`. Takes the same time for an unknown name. */
  encodedOf(user: Buffer): string | undefined {
    const mask = this.#slots.length - 1
    for (let slot = hashOf(user, 0, user.length) & mask; ; slot = (slot + 1) & mask) {
      const start = this.#slots[slot] as number
      if (start === 0) {
        if (this.#anyRecord !== undefined) this.#encodedAt(this.#anyRecord)
        return undefined
      }
      if (isUserAt(this.#bytes, start - 1, user)) return this.#encodedAt(start - 1)
    }
  }

  /** Whether a password can be verified against this stored hash, at an acceptable cost. */
  canVerify(encoded: string): boolean {
    const scheme = schemeOf(encoded)
    return (
      scheme?.wellFormed(encoded) === true && !isCostly(scheme, scheme.workOf?.(encoded), this.#maxHashCost)
    )
  }

  /** A stored hash that takes as long to verify for the unknown `user` as a wrong password for a known one. */
  standInFor(user: Uint8Array, key: Buffer): string | undefined {
    return this.#kinds.standInFor(user, key)
  }

  #encodedAt(userStart: number): string {
    const colon = this.#bytes.indexOf(COLON, userStart)
    const newline = this.#bytes.indexOf(0x0a, colon)
    const end = newline === -1 ? this.#bytes.length : newline
    return encodedOf(this.#bytes, { start: userStart, end, number: 0, userStart, colon })
  }
}

/** Collects the records of a file, and statistics about them. */
class Records {
  readonly starts = new Numbers()
  /** Hashes of the users' names. */
  readonly hashes = new Numbers()
  readonly schemes: Record<string, number> = {}
  readonly skipped = new LineList()
  readonly unusable = new LineList()
  readonly costly = new LineList()
  readonly weak = { count: 0, first: [] as { line: number; user: string; reason: string }[] }
  readonly kinds: RecordKinds

  constructor(maxHashCost: number) {
    this.kinds = new RecordKinds(maxHashCost)
  }

  add(bytes: Buffer, line: RecordLine): void {
    this.starts.push(line.userStart)
    this.hashes.push(hashOf(bytes, line.userStart, line.colon))
    const encoded = encodedOf(bytes, line)
    const scheme = schemeOf(encoded)
    const name = scheme?.name ?? unsupportedScheme(encoded) ?? 'unknown'
    this.schemes[name] = (this.schemes[name] ?? 0) + 1
    if (!scheme?.wellFormed(encoded)) {
      this.unusable.add(line.number)
      return
    }
    const { isCostly, weakness } = this.kinds.add(scheme, encoded)
    if (isCostly) this.costly.add(line.number)
    else if (weakness !== undefined && this.weak.count++ < LINES_NAMED) {
      const user = bytes.toString('utf8', line.userStart, line.colon)
      this.weak.first.push({ line: line.number, user, reason: weakness })
    }
  }
}

async function recordsIn(bytes: Buffer, slices: Slices, maxHashCost: number): Promise<Records> {
  const records = new Records(maxHashCost)
  const visit = (line: RecordLine | Malformed) => {
    if ('malformed' in line || line.colon === line.userStart) records.skipped.add(line.number)
    else records.add(bytes, line)
    return true
  }
  for (let position = { start: 0, number: 1 }; position.start < bytes.length; await slices.end()) {
    position = eachLine(bytes, visit, position, Math.min(position.start + STEP_BYTES, bytes.length))
  }
  return records
}

/** Returns false if the user is already in the table. */
function insert(bytes: Buffer, slots: Uint32Array, start: number, hash: number): boolean {
  const mask = slots.length - 1
  let slot = hash & mask
  for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
    if (isSameUser(bytes, (slots[slot] as number) - 1, start)) return false
  }
  slots[slot] = start + 1
  return true
}

function isUserAt(bytes: Buffer, start: number, user: Buffer): boolean {
  if (bytes[start + user.length] !== COLON) return false
  for (let i = 0; i < user.length; i++) if (bytes[start + i] !== user[i]) return false
  return true
}

function isSameUser(bytes: Buffer, a: number, b: number): boolean {
  for (let i = 0; bytes[a + i] === bytes[b + i]; i++) if (bytes[a + i] === COLON) return true
  return false
}

/** A secret of this process, so that an attacker cannot construct colliding names. */
const SEED = randomBytes(4).readUInt32LE()

/** FNV-1a, followed by the final step of MurmurHash3, which spreads it over all bits. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5 ^ SEED
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A growable list of 32-bit numbers. */
class Numbers {
  length = 0
  #numbers = new Uint32Array(1024)

  push(number: number): void {
    if (this.length === this.#numbers.length) {
      const grown = new Uint32Array(2 * this.length)
      grown.set(this.#numbers)
      this.#numbers = grown
    }
    this.#numbers[this.length++] = number
  }

  at(index: number): number {
    return this.#numbers[index] as number
  }
}

class LineList implements Lines {
  count = 0
  readonly first: number[] = []

  add(number: number): void {
    if (this.count++ < LINES_NAMED) this.first.push(number)
  }
}

/** Slices work, so that the event loop can run in between. */
class Slices {
  #start = performance.now()

  async end(): Promise<void> {
    if (performance.now() - this.#start < SLICE_MS) return
    await nextTurn()
    this.#start = performance.now()
  }
}

import { createHash, hash } from 'node:crypto'
import { equal, salt, to64 } from './bytes.js'
import type { Scheme } from './scheme.js'

// SHA-crypt (Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", version 0.6). The letters A, B, C, DP, DS,
// P and S are the specification's.

const DEFAULT_ROUNDS = 5000
const MAX_SALT = 16

interface Variant {
  readonly magic: '$5$' | '$6$'
  readonly digest: 'sha256' | 'sha512'
  /** The bytes of C in output order, three at a time. */
  readonly order: readonly (readonly [number, number, number])[]
  /** The bytes that remain at the end, and the number of characters they take. */
  readonly tail: readonly [value: (c: Uint8Array) => number, characters: number]
}

const at = (bytes: Uint8Array, index: number): number => bytes[index] as number

const sha256: Variant = {
  magic: '$5$',
  digest: 'sha256',
  order: Array.from({ length: 10 }, (_, i) => rotate([i, i + 10, i + 20], 2 * i)),
  tail: [(c) => (at(c, 31) << 8) | at(c, 30), 3],
}

const sha512: Variant = {
  magic: '$6$',
  digest: 'sha512',
  order: Array.from({ length: 21 }, (_, i) => rotate([i, i + 21, i + 42], i)),
  tail: [(c) => at(c, 63), 2],
}

function rotate(triple: readonly [number, number, number], by: number): [number, number, number] {
  const pick = (i: number): number => triple[(i + by) % 3] as number
  return [pick(0), pick(1), pick(2)]
}

function encode(variant: Variant, key: Uint8Array, saltText: string, rounds: number): string {
  const digest = () => createHash(variant.digest)
  const salt = Buffer.from(saltText, 'latin1')

  const B = digest().update(key).update(salt).update(key).digest()
  const a = digest().update(key).update(salt).update(stretch(B, key.length))
  for (let n = key.length; n > 0; n >>= 1) a.update(n & 1 ? B : key)
  const A = a.digest()

  const dp = digest()
  for (let i = 0; i < key.length; i++) dp.update(key)
  const P = stretch(dp.digest(), key.length)

  const ds = digest()
  for (let i = 0; i < 16 + at(A, 0); i++) ds.update(salt)
  const S = stretch(ds.digest(), salt.length)

  const C = rounded(variant, A, P, S, rounds)

  let text = ''
  for (const [x, y, z] of variant.order) text += to64((at(C, x) << 16) | (at(C, y) << 8) | at(C, z), 4)
  return text + to64(variant.tail[0](C), variant.tail[1])
}

/**
 * Apart from C, a round's input repeats every 42 rounds, so there are 42 buffers with a gap for C. C is kept as text of
 * one character a byte, which node:crypto produces and consumes faster than a buffer.
 */
function rounded(variant: Variant, A: Buffer, P: Buffer, S: Buffer, rounds: number): Buffer {
  const gap = Buffer.alloc(A.length)
  const inputs = Array.from({ length: Math.min(rounds, 2 * 3 * 7) }, (_, round) =>
    Buffer.concat([
      round & 1 ? P : gap,
      round % 3 === 0 ? NOTHING : S,
      round % 7 === 0 ? NOTHING : P,
      round & 1 ? gap : P,
    ]),
  )
  let C = A.toString('binary')
  for (let round = 0; round < rounds; round++) {
    const input = inputs[round % inputs.length] as Buffer
    input.write(C, round & 1 ? input.length - A.length : 0, 'binary')
    C = hash(variant.digest, input, 'binary')
  }
  return Buffer.from(C, 'binary')
}

const NOTHING = Buffer.alloc(0)

/** `digest` repeated and cut to `length` bytes. */
function stretch(digest: Buffer, length: number): Buffer {
  return Buffer.alloc(length, digest)
}

function shaCrypt<Name extends string>(name: Name, variant: Variant) {
  const characters = variant.order.length * 4 + variant.tail[1]
  const shape = new RegExp(
    `^\\$[56]\\$(?:rounds=([1-9][0-9]{3,8})\\$)?([^$]{0,${MAX_SALT}})\\$([./0-9A-Za-z]{${characters}})$`,
  )
  const parse = (encoded: string) =>
    encoded.startsWith(variant.magic) ? (shape.exec(encoded) ?? undefined) : undefined

  return {
    name,
    strength: 'strong',
    format: `${variant.magic}SALT$… or ${variant.magic}rounds=N$SALT$…`,
    work: {
      name: 'rounds',
      min: 1000,
      max: 999_999_999,
      default: DEFAULT_ROUNDS,
      recommended: DEFAULT_ROUNDS,
    },
    passwords: 'bytes',
    claims: (encoded) => encoded.startsWith(variant.magic),
    wellFormed: (encoded) => parse(encoded) !== undefined,
    workOf(encoded) {
      const parts = parse(encoded)
      return parts && Number(parts[1] ?? DEFAULT_ROUNDS)
    },
    async verify(password, encoded) {
      const [, rounds = DEFAULT_ROUNDS, saltOf, hash] = parse(encoded) ?? []
      if (saltOf === undefined || hash === undefined) return false
      return equal(encode(variant, password, saltOf, Number(rounds)), hash)
    },
    async hash(password, rounds) {
      const saltOf = salt(MAX_SALT)
      const setting = rounds === undefined ? '' : `rounds=${rounds}$`
      return `${variant.magic}${setting}${saltOf}$${encode(variant, password, saltOf, rounds ?? DEFAULT_ROUNDS)}`
    },
  } as const satisfies Scheme
}

export const sha256Crypt = shaCrypt('sha256-crypt', sha256)
export const sha512Crypt = shaCrypt('sha512-crypt', sha512)

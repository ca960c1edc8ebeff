import type { Algorithm } from '../schemes/algorithm.js'
import { type Scheme, type SchemeName, schemeOf, schemes } from '../schemes/index.js'
import { looksLikeBigcrypt, unsupportedScheme } from '../schemes/unsupported.js'
import { hashWithin, isHash, kindOf } from './not-a-hash.js'
import { eachLine, encodedOf, type Malformed, type RecordLine, restOf, userOf } from './records.js'
import { decode, encodingOf, plainName, quotedRecord } from './repair.js'

// Audits a password file by its content, without hashing. The messages refer to what servers do; docs/interop.md has the
// tables.

export type Rule =
  | 'weak-scheme'
  | 'low-cost'
  | 'plaintext'
  | 'unsupported-scheme'
  | 'malformed-hash'
  | 'malformed-line'
  | 'empty-hash'
  | 'empty-user'
  | 'duplicate-user'
  | 'white-space'
  | 'quotes'
  | 'encoding'

/** How to fix a finding: with a new password, by commenting out the line, or with a repair that needs no password. */
export type Remedy = 'password' | 'disable' | 'repair'

export interface Finding {
  readonly rule: Rule
  /** Line number, from 1. */
  readonly line: number
  /** One character per byte; absent if the line has no user. */
  readonly user?: string
  readonly message: string
  readonly remedy: Remedy
}

/** The weakest scheme to accept, with its lowest cost or rounds. */
export type Minimum = Algorithm<SchemeName>

/** Malformed lines come first, because Apache's htpasswd refuses to edit the file until they are gone; the rest is by line. */
export function audit(bytes: Buffer, minimum?: Minimum): Finding[] {
  const encoding = encodingFinding(bytes)
  const first: Finding[] = encoding ? [encoding] : []

  const content = decode(bytes)
  const names = new Map<string, number>()
  eachLine(content, (line) => {
    if (!('malformed' in line) && !names.has(userOf(content, line)))
      names.set(userOf(content, line), line.number)
    return true
  })
  const rest: Finding[] = []
  eachLine(content, (line) => {
    if ('malformed' in line) first.push(malformed(line))
    else rest.push(...recordFindings(content, line, names, minimum))
    return true
  })
  return [...first, ...rest]
}

function encodingFinding(bytes: Buffer): Finding | undefined {
  const found = { rule: 'encoding', line: 1, remedy: 'repair' } as const
  switch (encodingOf(bytes)) {
    case 'utf-8':
      return undefined
    case 'utf-8-bom':
      return {
        ...found,
        message: 'byte-order mark: servers read it as part of the first line, so they do not find its user',
      }
    default:
      return { ...found, message: 'UTF-16: servers find no users' }
  }
}

const malformed = ({ number }: Malformed): Finding => ({
  rule: 'malformed-line',
  line: number,
  message: "no colon: servers skip the line, Apache's htpasswd refuses to edit the file",
  remedy: 'disable',
})

function recordFindings(
  bytes: Buffer,
  record: RecordLine,
  names: ReadonlyMap<string, number>,
  minimum: Minimum | undefined,
): Finding[] {
  const user = userOf(bytes, record)
  const about = { line: record.number, user }
  if (user === '') {
    const message = 'no user name: httpd lets in clients that leave it empty, other servers skip the record'
    return [{ ...about, rule: 'empty-user', message, remedy: 'disable' }]
  }

  const quoted = quotedRecord(bytes.toString('latin1', record.userStart, record.end).replace(/[\r\n]+$/, ''))
  if (quoted !== undefined) {
    const [inner = '', encoded = ''] = quoted.split(':')
    const message = 'record in quotes: no server finds the user'
    const found = { ...about, rule: 'quotes', message } as const
    if (names.has(inner)) return [{ ...found, remedy: 'disable' }]
    const weakness = weaknessOf(encoded, minimum)
    return [{ ...found, remedy: 'repair' }, ...(weakness ? [{ ...about, user: inner, ...weakness }] : [])]
  }

  const findings: Finding[] = []
  if (record.userStart > record.start) {
    const message =
      'white space before the record: nginx takes it as part of the name, other servers ignore it'
    findings.push({ ...about, rule: 'white-space', message, remedy: 'repair' })
  }
  const first = names.get(user) as number
  if (first < record.number) {
    // A new password would replace the first record as well.
    const message = `duplicate of line ${first}: servers use that one, htpasswd -v requires the password to match both`
    findings.push({ ...about, rule: 'duplicate-user', message, remedy: 'disable' })
    return findings
  }
  const plain = names.has(plainName(user)) ? user : plainName(user)
  if (plain !== user) {
    const isQuoted = /["'`]$/.test(user)
    const message = `${isQuoted ? 'quotes around' : 'white space after'} the name: part of the name in every server`
    findings.push({ ...about, rule: isQuoted ? 'quotes' : 'white-space', message, remedy: 'repair' })
  }
  const rest = restOf(bytes, record)
  const encoded = encodedOf(bytes, record)
  const colon = rest.indexOf(':')
  if (colon === -1 && encoded !== rest && isHash(encoded)) {
    const message =
      'white space after the hash: httpd and htgate ignore it, nginx and htpasswd -v reject the password'
    findings.push({ ...about, rule: 'white-space', message, remedy: 'repair' })
  }
  const weakness = weaknessOf(
    encoded,
    minimum,
    colon === -1 ? undefined : rest.slice(colon + 1).split(':')[0],
  )
  if (weakness) findings.push({ ...about, user: plain, ...weakness })
  const within = hashWithin(encoded)
  const weaknessWithin = within === undefined ? undefined : weaknessOf(within, minimum)
  if (weaknessWithin) findings.push({ ...about, user: plain, ...weaknessWithin })
  return findings
}

export type Weakness = Pick<Finding, 'rule' | 'message' | 'remedy'>

/**
 * Why a hash is not good enough; undefined if it is.
 * @param field the field after the hash, which identifies a line of an htdigest file
 */
export function weaknessOf(encoded: string, minimum?: Minimum, field?: string): Weakness | undefined {
  const scheme = schemeOf(encoded)
  if (!scheme?.wellFormed(encoded)) return unusable(encoded, scheme, field)
  const remedy = 'password'
  if (isWeaker(scheme, minimum)) return { rule: 'weak-scheme', message: describe(scheme, minimum), remedy }

  const factor = scheme.work
  const least = (scheme.name === minimum?.scheme && minimum.work) || factor?.recommended
  const work = scheme.workOf?.(encoded)
  if (factor && least !== undefined && work !== undefined && work < least) {
    const message = `${scheme.name} with ${factor.name} ${work}, less than ${least}`
    return { rule: 'low-cost', message, remedy }
  }
  return undefined
}

function unusable(encoded: string, scheme: Scheme | undefined, field: string | undefined): Weakness {
  const remedy = 'password'
  if (encoded === '') return { rule: 'empty-hash', message: 'no hash: no server lets the user in', remedy }
  const unsupported = unsupportedScheme(encoded)
  if (unsupported) {
    const message = `${unsupported}: nginx and httpd let the user in if their C library supports it, htgate does not`
    return { rule: 'unsupported-scheme', message, remedy }
  }
  if (hashWithin(encoded) !== undefined) {
    const message = `${kindOf(encoded)}: no server lets the user in`
    return { rule: /["'`]/.test(encoded) ? 'quotes' : 'malformed-hash', message, remedy: 'repair' }
  }
  if (scheme) {
    const message = `not a complete ${scheme.name} hash: htgate and htpasswd -v reject every password`
    return { rule: 'malformed-hash', message, remedy }
  }
  if (looksLikeBigcrypt(encoded)) {
    const message =
      'the password itself, or a bigcrypt hash, which nginx and httpd can verify with some C libraries'
    return { rule: 'plaintext', message, remedy }
  }
  if (/^[$_]/.test(encoded) && !encoded.startsWith('$argon2')) {
    const message = 'not a complete hash of any known scheme: htgate and htpasswd -v reject every password'
    return { rule: 'unsupported-scheme', message, remedy }
  }
  const kind = kindOf(encoded, field)
  const rule = kind.includes('password itself') ? 'plaintext' : 'malformed-hash'
  return { rule, message: `${kind}: no server on Unix lets the user in`, remedy }
}

/** The list is sorted from the strongest scheme to the weakest. */
const indexOf = (name: string): number => schemes.findIndex((scheme) => scheme.name === name)

function isWeaker(scheme: Scheme, minimum: Minimum | undefined): boolean {
  if (minimum === undefined) return scheme.strength !== 'strong'
  return indexOf(scheme.name) > indexOf(minimum.scheme)
}

function describe({ name, strength }: Scheme, minimum: Minimum | undefined): string {
  if (strength === 'broken') return `${name} is broken: most passwords can be recovered within seconds`
  if (strength === 'weak') return `${name} is weak: one GPU tries millions of passwords per second`
  return `${name} is weaker than ${minimum?.scheme}`
}

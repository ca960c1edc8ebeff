import { hashWithin, isHash } from './not-a-hash.js'
import { eachLine, type RecordLine, userOf } from './records.js'

// Repairs that need no password: the file's encoding, white space around records, and quotes around hashes.

const BOM = Buffer.from('\ufeff')

export type Encoding = 'utf-8' | 'utf-8-bom' | 'utf-16le' | 'utf-16be'

/** Detects the encoding by the byte-order mark; PowerShell's `>` writes UTF-16 with one. */
export function encodingOf(bytes: Buffer): Encoding {
  if (bytes.subarray(0, 3).equals(BOM)) return 'utf-8-bom'
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  return 'utf-8'
}

/** The file as UTF-8 without a byte-order mark. */
export function decode(bytes: Buffer): Buffer {
  switch (encodingOf(bytes)) {
    case 'utf-8':
      return bytes
    case 'utf-8-bom':
      return bytes.subarray(BOM.length)
    case 'utf-16le':
      return Buffer.from(bytes.subarray(2).toString('utf16le'))
    case 'utf-16be': {
      const even = bytes.subarray(2, bytes.length - (bytes.length % 2))
      return Buffer.from(Buffer.from(even).swap16().toString('utf16le'))
    }
  }
}

/** Repairs everything that can be. All other lines stay unchanged, byte for byte. */
export function repair(bytes: Buffer): Buffer {
  const decoded = decode(bytes)
  const names = namesIn(decoded)
  const pieces: Buffer[] = []
  let position = 0
  eachLine(decoded, (line) => {
    if ('malformed' in line) return true
    const before = decoded.toString('latin1', line.start, line.end)
    const after = repairedLine(decoded, line, names)
    if (after === before) return true
    pieces.push(decoded.subarray(position, line.start), Buffer.from(after, 'latin1'))
    position = line.end
    return true
  })
  return Buffer.concat([...pieces, decoded.subarray(position)])
}

function namesIn(bytes: Buffer): Set<string> {
  const names = new Set<string>()
  eachLine(bytes, (line) => {
    if (!('malformed' in line)) names.add(userOf(bytes, line))
    return true
  })
  return names
}

function repairedLine(bytes: Buffer, line: RecordLine, names: Set<string>): string {
  const text = bytes.toString('latin1', line.userStart, line.end)
  const end = /\r*\n?$/.exec(text)?.[0] ?? ''
  const body = text.slice(0, text.length - end.length)
  const quoted = quotedRecord(body)
  const isFree = quoted !== undefined && !names.has(quoted.slice(0, quoted.indexOf(':')))
  const [name = '', hash = '', ...fields] = (isFree ? quoted : body).split(':')

  const plain = plainName(name)
  const user = names.has(plain) ? name : plain
  names.add(user)
  return `${[user, hashWithin(hash) ?? hash, ...fields].join(':')}${end}`
}

/** The record in `"user:hash"`, without its quotes; undefined if it is not a record with a hash. */
export function quotedRecord(text: string): string | undefined {
  const [, , user, rest = ''] = /^(["'`])([^:"'`]+):(.*)\1[\t-\r ]*$/.exec(text) ?? []
  const [hash = ''] = rest.split(':')
  return user !== undefined && isHash(hash) ? `${user}:${rest}` : undefined
}

/** A name without surrounding quotes and trailing white space. */
export function plainName(name: string): string {
  const plain = name.replace(/[\t-\r ]+$/, '').replace(/^(["'`])([^"'`]+)\1$/, '$2')
  return plain === '' ? name : plain
}

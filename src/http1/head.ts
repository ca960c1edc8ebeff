import { Fields, lowerName } from './fields.js'
import { type Framing, type Length, requestLength, responseLength } from './framing.js'
import {
  isAuthority,
  isOriginForm,
  isToken,
  isWhitespace,
  METHODS,
  REFUSED_METHODS,
  splitAbsoluteForm,
  trimWhitespace,
} from './grammar.js'
import { badRequest, badResponse, ProtocolError } from './protocol-error.js'

// Parses complete heads and trailer sections: RFC 9112, sections 3 to 5. The head reader has already checked that the text
// consists of lines.

/** Most field lines of a head. */
const MOST_FIELDS = 500

/** The common part of both kinds of head. */
abstract class Head implements Framing {
  /** The minor version of HTTP/1. */
  abstract readonly minor: 0 | 1
  readonly fields: Fields
  /** All values of `Connection` as one list in lower case (RFC 9110, section 7.6.1). */
  connection = ''
  contentLengths = 0
  contentLength = ''
  transferEncodings = 0
  transferEncoding = ''
  upgrade: string | undefined

  constructor(text: string) {
    this.fields = new Fields(text)
  }

  /** Notes a field that affects how the message is read. */
  note(name: string, index: number): void {
    switch (name) {
      case 'connection':
        this.connection = joined(this.connection, this.fields.value(index).toLowerCase())
        break
      case 'content-length':
        this.contentLengths++
        this.contentLength = this.fields.untrimmed(index)
        break
      case 'transfer-encoding':
        this.transferEncodings++
        this.transferEncoding = joined(this.transferEncoding, this.fields.untrimmed(index))
        break
      case 'upgrade':
        this.upgrade = joined(this.upgrade ?? '', this.fields.value(index))
    }
  }

  /** Whether the sender keeps the connection open after this message (RFC 9112, section 9.3). */
  get keepsAlive(): boolean {
    const { connection } = this
    if (this.minor === 1) return connection === '' || !hasOption(connection, 'close')
    return hasOption(connection, 'keep-alive') && !hasOption(connection, 'close')
  }
}

export class RequestHead extends Head {
  readonly method: string
  /** The target as sent. */
  readonly target: string
  /** The target in origin form, path and query; or `*`. */
  readonly path: string
  readonly minor: 0 | 1
  /** The host that the request is for: the target's authority, or `Host`. Undefined in HTTP/1.0 without one. */
  readonly host: string | undefined
  readonly length: Length
  hosts = 0
  expect: string | undefined

  /**
   * @param text the whole head, including the empty line at its end
   * @throws ProtocolError
   */
  constructor(text: string) {
    super(text)
    const eol = text.indexOf('\n')
    const methodEnd = text.indexOf(' ')
    const targetEnd = text.indexOf(' ', methodEnd + 1)
    if (methodEnd < 1 || targetEnd === -1 || targetEnd >= eol) {
      throw badRequest('the request line is not a method, a target and a version')
    }
    this.method = methodOf(text.slice(0, methodEnd))
    this.target = text.slice(methodEnd + 1, targetEnd)
    this.minor = minorOf(text.slice(targetEnd + 1, eol - 1))
    readFields(text, eol + 1, this.fields, badRequest, this)
    const absolute = this.target.startsWith('/') ? undefined : splitAbsoluteForm(this.target)
    if (absolute) this.path = absolute.path
    else if (isOriginForm(this.target) || (this.target === '*' && this.method === 'OPTIONS'))
      this.path = this.target
    else throw badRequest('the target is neither a path nor an http URL')
    const host = this.#host()
    this.host = absolute?.authority ?? host
    this.length = requestLength(this, this.minor)
  }

  override note(name: string, index: number): void {
    if (name === 'host') this.hosts++
    else if (name === 'expect')
      this.expect = joined(this.expect ?? '', this.fields.value(index).toLowerCase())
    else super.note(name, index)
  }

  /** Requires exactly one valid Host (RFC 9112, section 3.2), except in HTTP/1.0. */
  #host(): string | undefined {
    if (this.hosts > 1) throw badRequest('there is more than one Host')
    if (this.hosts === 0) {
      if (this.minor === 0) return undefined
      throw badRequest('there is no Host')
    }
    const host = this.fields.get('host') as string
    if (!isAuthority(host)) throw badRequest('Host is not a host')
    return host
  }
}

function methodOf(method: string): string {
  if (METHODS.has(method)) return method
  if (REFUSED_METHODS.has(method)) throw new ProtocolError(405, 'CONNECT and TRACE are not supported')
  if (method === 'PRI') throw badRequest('this is HTTP/2; only HTTP/1.1 is supported')
  if (!isToken(method)) throw badRequest('the method is not a token')
  throw new ProtocolError(501, 'the method is unknown')
}

function minorOf(version: string): 0 | 1 {
  if (version === 'HTTP/1.1') return 1
  if (version === 'HTTP/1.0') return 0
  if (/^HTTP\/\d\.\d$/.test(version)) throw new ProtocolError(505, 'only HTTP/1.1 and HTTP/1.0 are supported')
  throw badRequest('the request line does not end with an HTTP version')
}

/** HTTP-version SP status-code SP [ reason-phrase ]; many servers omit the last SP. */
const STATUS_LINE = /^HTTP\/1\.[01] [1-9]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?$/
/** Where its parts are. */
const MINOR = 7
const STATUS = 9
const REASON = 13

export class ResponseHead extends Head {
  readonly minor: 0 | 1
  readonly status: number
  /** Latin-1; may be empty. */
  readonly reason: string
  readonly length: Length

  /**
   * @param text the whole head, including the empty line at its end
   * @param toHead whether the request was HEAD
   * @throws ProtocolError
   */
  constructor(text: string, toHead: boolean) {
    super(text)
    const eol = text.indexOf('\n')
    const line = text.slice(0, eol - 1)
    if (!STATUS_LINE.test(line)) throw badResponse('the first line is not an HTTP/1.1 status line')
    this.minor = line[MINOR] === '1' ? 1 : 0
    this.status = Number(line.slice(STATUS, STATUS + 3))
    this.reason = line.slice(REASON)
    readFields(text, eol + 1, this.fields, badResponse, this)
    this.length = responseLength(this, this.minor, this.status, toHead)
  }
}

/** Node's parser reads these in trailers as if they were in the head: it rejects the message, or closes the connection. */
const HEAD_ONLY = ['content-length', 'transfer-encoding', 'connection']

/**
 * Parses a trailer section; `text` includes the empty line at its end. Fields that frame a message cannot be trailers (RFC 9110,
 * section 6.5.1).
 * @throws ProtocolError
 */
export function parseTrailers(text: string, failure: (message: string) => ProtocolError): Fields {
  const fields = new Fields(text)
  readFields(text, 0, fields, failure, undefined)
  if (HEAD_ONLY.some((name) => fields.names.includes(name))) {
    throw failure('Content-Length, Transfer-Encoding and Connection cannot be trailers')
  }
  return fields
}

/**
 * Names at the same position in earlier heads, as `Name:` and in lower case. A client sends the same names in the same order,
 * and a comparison is cheaper than a lookup.
 */
const expected: (readonly [prefix: string, lower: string] | undefined)[] = []
/** Most positions, in requests and in responses, and most characters to remember. */
const MOST_EXPECTED = 32
for (let i = 0; i < 2 * MOST_EXPECTED; i++) expected.push(undefined)
/** One in this many unexpected names replaces the remembered one, so that different clients take turns. */
const PATIENCE = 16
let misses = 0

/** Parses field lines from `at` to the empty line at the end of `text` (RFC 9112, section 5); `head` notes them. */
function readFields(
  text: string,
  at: number,
  fields: Fields,
  failure: (message: string) => ProtocolError,
  head: Head | undefined,
): void {
  const last = text.length - 2
  const offset = failure === badResponse ? MOST_EXPECTED : 0
  let line = at
  for (let count = 0; line < last; count++) {
    const eol = text.indexOf('\n', line)
    const place = offset + count
    const guess = count < MOST_EXPECTED ? expected[place] : undefined
    let colon: number
    let name: string | undefined
    if (guess !== undefined && text.startsWith(guess[0], line)) {
      colon = line + guess[0].length - 1
      name = guess[1]
    } else {
      colon = text.indexOf(':', line)
      name = colon > line && colon < eol ? lowerName(text.slice(line, colon)) : undefined
      if (name === undefined) throw flaw(text, line, failure)
      if (count < MOST_EXPECTED && name.length < MOST_EXPECTED && (!guess || ++misses % PATIENCE === 0)) {
        // Not a slice, which would keep the whole head in memory.
        expected[place] = [Buffer.from(text.slice(line, colon + 1), 'latin1').toString('latin1'), name]
      }
    }
    let from = colon + 1
    let to = eol - 1
    while (from < to && isWhitespace(text.charCodeAt(from))) from++
    while (to > from && isWhitespace(text.charCodeAt(to - 1))) to--
    if (count === MOST_FIELDS) throw tooMany(failure)
    fields.add(name, line, from, to)
    head?.note(name, count)
    line = eol + 1
  }
}

function flaw(text: string, line: number, failure: (message: string) => ProtocolError): ProtocolError {
  if (isWhitespace(text.charCodeAt(line))) return failure('a field line starts with whitespace')
  return failure('a field line is not a name, a colon and a value')
}

function tooMany(failure: (message: string) => ProtocolError): ProtocolError {
  const error = failure(`there are more than ${MOST_FIELDS} fields`)
  return error.status === 400 ? new ProtocolError(431, error.message) : error
}

const joined = (list: string, value: string): string => (list === '' ? value : `${list}, ${value}`)

/** Whether a lower-case list, such as that of `Connection`, contains `option`. */
export function hasOption(list: string, option: string): boolean {
  if (list === option) return true
  if (!list.includes(',')) return false
  return list.split(',').some((each) => trimWhitespace(each) === option)
}

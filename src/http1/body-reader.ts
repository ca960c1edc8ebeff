import type { Fields } from './fields.js'
import { CHUNKED, type Length, UNTIL_CLOSE } from './framing.js'
import { isChunkExtensions } from './grammar.js'
import { parseTrailers } from './head.js'
import { type HeadReader, trailerReader } from './head-reader.js'
import { badResponse, ProtocolError } from './protocol-error.js'

// Reads bodies according to their length. Parts are passed on as they arrive, without a copy.

/** Receives a body, of a request or a response. */
export interface BodySink {
  /** Some bytes, without framing. */
  body(bytes: Buffer): void
}

export interface BodyReader {
  readonly done: boolean
  /** `trailers` is undefined if there are none. */
  readonly trailers: Fields | undefined
  /**
   * Reads bytes from `at`, passes on at most one part, and returns where it stopped.
   * @throws ProtocolError
   */
  read(bytes: Buffer, at: number, sink: BodySink): number
}

/** Creates a reader for a body of `length`, which must not be 0. */
export function bodyReader(length: Length, failure: (message: string) => ProtocolError): BodyReader {
  if (length === CHUNKED) return new ChunkedReader(failure)
  if (length === UNTIL_CLOSE) return UNTIL_CLOSE_READER
  return new LengthReader(length)
}

class LengthReader implements BodyReader {
  readonly trailers = undefined
  #left: number

  constructor(length: number) {
    this.#left = length
  }

  get done(): boolean {
    return this.#left === 0
  }

  read(bytes: Buffer, at: number, sink: BodySink): number {
    const to = Math.min(bytes.length, at + this.#left)
    this.#left -= to - at
    sink.body(at === 0 && to === bytes.length ? bytes : bytes.subarray(at, to))
    return to
  }
}

/** Has no end of its own, and no state. */
const UNTIL_CLOSE_READER: BodyReader = {
  done: false,
  trailers: undefined,
  read(bytes, at, sink) {
    sink.body(at === 0 ? bytes : bytes.subarray(at))
    return bytes.length
  },
}

enum At {
  size,
  extensions,
  sizeLf,
  data,
  dataCr,
  dataLf,
  trailers,
  end,
}

const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b

/** Most hexadecimal digits of a chunk's size, including leading zeros. */
const MOST_DIGITS = 16
/** Most bytes of a chunk's extensions. */
const MOST_EXTENSIONS = 4096

/** RFC 9112, section 7.1. */
class ChunkedReader implements BodyReader {
  trailers: Fields | undefined
  readonly #failure: (message: string) => ProtocolError
  #at: At = At.size
  #digits = 0
  #size = 0
  #extensions = ''
  #trailerReader: HeadReader | undefined

  constructor(failure: (message: string) => ProtocolError) {
    this.#failure = failure
  }

  get done(): boolean {
    return this.#at === At.end
  }

  read(bytes: Buffer, start: number, sink: BodySink): number {
    let at = start
    while (at < bytes.length) {
      switch (this.#at) {
        case At.size:
          this.#readSize(bytes[at++] as number)
          break
        case At.extensions:
          at = this.#readExtensions(bytes, at)
          break
        case At.sizeLf:
          this.#expect(bytes[at++] as number, LF)
          if (this.#digits === 0) throw this.#failure('a chunk has no size')
          this.#digits = 0
          this.#at = this.#size > 0 ? At.data : At.trailers
          break
        case At.data: {
          const to = Math.min(bytes.length, at + this.#size)
          this.#size -= to - at
          if (this.#size === 0) this.#at = At.dataCr
          sink.body(bytes.subarray(at, to))
          return to
        }
        case At.dataCr:
          this.#expect(bytes[at++] as number, CR)
          this.#at = At.dataLf
          break
        case At.dataLf:
          this.#expect(bytes[at++] as number, LF)
          this.#at = At.size
          break
        case At.trailers:
          at = this.#readTrailers(bytes, at)
          break
        case At.end:
          return at
      }
    }
    return at
  }

  #readSize(code: number): void {
    const digit = hexDigit(code)
    if (digit >= 0) {
      if (++this.#digits > MOST_DIGITS) throw this.#failure('the size of a chunk has too many digits')
      this.#size = this.#size * 16 + digit
      if (this.#size > Number.MAX_SAFE_INTEGER) throw this.#tooLarge('a chunk is longer than 2^53 bytes')
    } else if (code === CR) this.#at = At.sizeLf
    else if (code === SEMICOLON && this.#digits > 0) {
      this.#extensions = ';'
      this.#at = At.extensions
    } else throw this.#failure('the size of a chunk is not a hexadecimal number')
  }

  /** Extensions are checked and dropped, since they are meant only for the next hop (RFC 9112, section 7.1.1). */
  #readExtensions(bytes: Buffer, start: number): number {
    const cr = bytes.indexOf(CR, start)
    const to = cr === -1 ? bytes.length : cr
    if (this.#extensions.length + to - start > MOST_EXTENSIONS) {
      throw this.#tooLarge(`the extensions of a chunk are longer than ${MOST_EXTENSIONS} bytes`)
    }
    this.#extensions += bytes.toString('latin1', start, to)
    if (cr === -1) return to
    if (!isChunkExtensions(this.#extensions)) throw this.#failure('the extensions of a chunk are malformed')
    this.#extensions = ''
    this.#at = At.sizeLf
    return to + 1
  }

  #readTrailers(bytes: Buffer, start: number): number {
    this.#trailerReader ??= trailerReader(this.#failure)
    const at = this.#trailerReader.read(bytes, start)
    const { text } = this.#trailerReader
    if (text !== '') {
      this.#at = At.end
      if (text.length > 2) this.trailers = parseTrailers(text, this.#failure)
    }
    return at
  }

  #expect(code: number, expected: number): void {
    if (code !== expected) throw this.#failure('a chunk does not end where its size says')
  }

  #tooLarge(message: string): ProtocolError {
    return this.#failure === badResponse ? badResponse(message) : new ProtocolError(413, message)
  }
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

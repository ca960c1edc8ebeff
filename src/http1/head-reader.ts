import { areLines, mayBeLines } from './grammar.js'
import { badRequest, badResponse, ProtocolError } from './protocol-error.js'

const END = '\r\n\r\n'
const NOT_LINES = 'a line contains a control character, or ends with LF instead of CRLF'

/** The limits of a head's length, and the errors for exceeding them. */
interface Limits {
  readonly line: number
  readonly fields: number
  readonly longLine: () => ProtocolError
  readonly longFields: () => ProtocolError
  /** The error for bytes that are not lines. */
  readonly failure: (message: string) => ProtocolError
}

/** Collects bytes until the empty line that ends a head or a trailer section. */
export class HeadReader {
  /** The whole text, including its empty line, once complete. */
  text = ''
  readonly #limits: Limits
  #partial = ''
  /** The last three characters so far, since the end may start there. */
  #tail = ''
  /** End of the first line; -1 until it has arrived. */
  #lineEnd = -1

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.#partial === ''
  }

  /** Trailers may be empty, so the CRLF of the last chunk's line counts as what precedes them. */
  afterLine(): void {
    this.#tail = '\r\n'
  }

  /** The part of an incomplete head that has arrived. */
  get partial(): string {
    return this.#partial
  }

  /**
   * Reads from `at`, and returns where it stopped. The head is complete when `text` is not empty.
   * @throws ProtocolError
   */
  read(bytes: Buffer, at: number): number {
    const limits = this.#limits
    const room = limits.line + limits.fields - this.#partial.length
    const part = bytes.toString('latin1', at, Math.min(bytes.length, at + room + 1))
    const seen = this.#tail.length === 0 ? part : this.#tail + part
    const end = seen.indexOf(END)
    if (end === -1) {
      if (!mayBeLines(seen, this.#tail !== '')) throw limits.failure(NOT_LINES)
      this.#partial += part
      this.#checkLength(this.#partial)
      this.#tail = seen.slice(-3)
      return bytes.length
    }
    const length = end + END.length - this.#tail.length
    const text = this.#partial === '' && part.length === length ? part : this.#partial + part.slice(0, length)
    // For a short head, there is no need to find the end of its first line.
    if (text.length > limits.line || text.length > limits.fields) this.#checkLength(text)
    const lines = seen.slice(0, end + END.length)
    if (this.#tail === '' ? !areLines(lines) : !mayBeLines(lines, true)) throw limits.failure(NOT_LINES)
    this.text = text
    this.#partial = ''
    this.#tail = ''
    this.#lineEnd = -1
    return at + length
  }

  #checkLength(text: string): void {
    const { line, fields, longLine, longFields } = this.#limits
    if (this.#lineEnd === -1) this.#lineEnd = text.indexOf('\r\n')
    if (this.#lineEnd > line || (this.#lineEnd === -1 && text.length > line)) throw longLine()
    if (this.#lineEnd !== -1 && text.length - this.#lineEnd > fields) throw longFields()
  }
}

/** Longest request line, in bytes: allows a query of 60 kB. */
const MOST_TARGET = 64_000
/** Longest fields of a request, in bytes. */
const MOST_FIELDS = 32_768
/** Longest head of a response, in bytes. */
const MOST_RESPONSE = 64_000
const MOST_TRAILERS = 16_384

const REQUEST: Limits = {
  line: MOST_TARGET,
  fields: MOST_FIELDS,
  longLine: () => new ProtocolError(414, `the target is longer than ${MOST_TARGET} bytes`),
  longFields: () => new ProtocolError(431, `the fields of the head are longer than ${MOST_FIELDS} bytes`),
  failure: badRequest,
}

const longResponse = () => badResponse(`the head is longer than ${MOST_RESPONSE} bytes`)
const RESPONSE: Limits = {
  line: MOST_RESPONSE,
  fields: MOST_RESPONSE,
  longLine: longResponse,
  longFields: longResponse,
  failure: badResponse,
}

const trailerLimits = (status: number, failure: Limits['failure']): Limits => {
  const long = () => new ProtocolError(status, `the trailers are longer than ${MOST_TRAILERS} bytes`)
  return { line: MOST_TRAILERS, fields: MOST_TRAILERS, longLine: long, longFields: long, failure }
}
const REQUEST_TRAILERS = trailerLimits(431, badRequest)
const RESPONSE_TRAILERS = trailerLimits(502, badResponse)

export const requestHeadReader = (): HeadReader => new HeadReader(REQUEST)

export const responseHeadReader = (): HeadReader => new HeadReader(RESPONSE)

export const trailerReader = (failure: (message: string) => ProtocolError): HeadReader => {
  const reader = new HeadReader(failure === badRequest ? REQUEST_TRAILERS : RESPONSE_TRAILERS)
  reader.afterLine()
  return reader
}

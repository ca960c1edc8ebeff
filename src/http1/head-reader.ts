import { areLines, mayBeLines } from './grammar.js'
import { badRequest, badResponse, ProtocolError } from './protocol-error.js'

const END = '\r\n\r\n'
const NOT_LINES = 'a line has a control character in it, or ends with LF instead of CRLF'

/** Collects bytes until the empty line that ends a head or a trailer section. */
export class HeadReader {
  /** The whole text, its empty line included, once it is there. */
  text = ''
  #partial = ''
  /** The last three characters of what came so far: the end may begin there. */
  #tail = ''

  /**
   * @param most characters that a head may have
   * @param tooLong makes the error for a longer one, from what came of it
   */
  constructor(
    readonly most: number,
    readonly tooLong: (partial: string) => ProtocolError,
    readonly failure: (message: string) => ProtocolError,
  ) {}

  get isEmpty(): boolean {
    return this.#partial === ''
  }

  /** Trailers may have no line at all: what ended the last chunk's line stands before them. */
  afterLine(): void {
    this.#tail = '\r\n'
  }

  /** What came of a head that is not whole yet. */
  get partial(): string {
    return this.#partial
  }

  /**
   * Reads from `at`; returns where it stopped. The head is whole when `text` is not empty.
   * @throws ProtocolError
   */
  read(bytes: Buffer, at: number): number {
    const room = this.most - this.#partial.length
    const part = bytes.toString('latin1', at, Math.min(bytes.length, at + room + 1))
    const seen = this.#tail.length === 0 ? part : this.#tail + part
    const end = seen.indexOf(END)
    if (end === -1) {
      if (!mayBeLines(seen, this.#tail !== '')) throw this.failure(NOT_LINES)
      if (part.length > room) throw this.tooLong(this.#partial + part)
      this.#partial += part
      this.#tail = seen.slice(-3)
      return bytes.length
    }
    const length = end + END.length - this.#tail.length
    const lines = seen.slice(0, end + END.length)
    if (this.#tail === '' ? !areLines(lines) : !mayBeLines(lines, true)) throw this.failure(NOT_LINES)
    if (length > room) throw this.tooLong(this.#partial + part)
    this.text = this.#partial === '' && part.length === length ? part : this.#partial + part.slice(0, length)
    this.#partial = ''
    this.#tail = ''
    return at + length
  }
}

/** Of a head, in bytes: room for a query of 60 kB. */
export const MOST_HEAD = 64_000
const MOST_TRAILERS = 16_384

const longRequestHead = (partial: string): ProtocolError =>
  partial.includes('\r\n')
    ? new ProtocolError(431, `the head is longer than ${MOST_HEAD} bytes`)
    : new ProtocolError(414, `the target is longer than ${MOST_HEAD} bytes`)

export const requestHeadReader = (): HeadReader => new HeadReader(MOST_HEAD, longRequestHead, badRequest)

export const responseHeadReader = (): HeadReader =>
  new HeadReader(MOST_HEAD, () => badResponse(`the head is longer than ${MOST_HEAD} bytes`), badResponse)

export const trailerReader = (failure: (message: string) => ProtocolError): HeadReader => {
  const message = `the trailers are longer than ${MOST_TRAILERS} bytes`
  const status = failure === badRequest ? 431 : 502
  const reader = new HeadReader(MOST_TRAILERS, () => new ProtocolError(status, message), failure)
  reader.afterLine()
  return reader
}

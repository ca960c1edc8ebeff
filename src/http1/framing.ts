import { isDigits } from './grammar.js'
import { badRequest, badResponse, ProtocolError } from './protocol-error.js'

// Determines the length of a message's body (RFC 9112, section 6.3). No other code does.

/** The number of bytes of a body, or one of the two below. */
export type Length = number
export const CHUNKED: Length = -1
/** The length of a response body that ends with its connection. */
export const UNTIL_CLOSE: Length = -2

/** A head's framing fields: how often each occurs, and their values. */
export interface Framing {
  readonly contentLengths: number
  /** With trailing whitespace. */
  readonly contentLength: string
  readonly transferEncodings: number
  /** All values as one list, with trailing whitespace, since not all servers accept `chunked` with it. */
  readonly transferEncoding: string
}

/** @throws ProtocolError */
export function requestLength(framing: Framing, minor: number): Length {
  const { contentLengths, contentLength, transferEncodings, transferEncoding } = framing
  if (transferEncodings > 0) {
    if (minor === 0) throw badRequest('HTTP/1.0 has no Transfer-Encoding')
    if (contentLengths > 0) throw badRequest('both Transfer-Encoding and Content-Length are set')
    checkRequestCoding(transferEncoding)
    if (transferEncodings > 1) throw badRequest('there is more than one Transfer-Encoding')
    return CHUNKED
  }
  if (contentLengths === 0) return 0
  if (contentLengths > 1) throw badRequest('there is more than one Content-Length')
  if (!isDigits(contentLength)) throw badRequest('Content-Length is not a number')
  const length = Number(contentLength)
  if (!Number.isSafeInteger(length)) throw new ProtocolError(413, 'the body is longer than 2^53 bytes')
  return length
}

/** chunked must be last, and occur once (RFC 9112, section 6.1); other codings are not supported. */
function checkRequestCoding(value: string): void {
  const codings = value.toLowerCase().split(/,[ \t]*/)
  if (codings.at(-1) !== 'chunked') throw badRequest('the last Transfer-Encoding is not chunked')
  if (codings.indexOf('chunked') < codings.length - 1) throw badRequest('chunked is applied more than once')
  if (codings.length > 1)
    throw new ProtocolError(501, 'the only Transfer-Encoding that is supported is chunked')
}

/**
 * @param toHead whether the request was HEAD
 * @throws ProtocolError
 */
export function responseLength(framing: Framing, minor: number, status: number, toHead: boolean): Length {
  const { contentLengths, contentLength, transferEncodings, transferEncoding } = framing
  if (minor === 0 && status < 200) throw badResponse('HTTP/1.0 has no interim responses')
  if (contentLengths > 1) throw badResponse('there is more than one Content-Length')
  if (contentLengths === 1 && !(isDigits(contentLength) && Number.isSafeInteger(Number(contentLength)))) {
    throw badResponse('Content-Length is not a number')
  }
  if (transferEncodings > 0) {
    if (minor === 0) throw badResponse('HTTP/1.0 has no Transfer-Encoding')
    if (contentLengths > 0) throw badResponse('both Transfer-Encoding and Content-Length are set')
    if (transferEncodings > 1 || transferEncoding.toLowerCase() !== 'chunked') {
      throw badResponse('the only Transfer-Encoding that is supported is chunked, once')
    }
  }
  if (toHead || hasNoBody(status)) return 0
  if (transferEncodings > 0) return CHUNKED
  return contentLengths > 0 ? Number(contentLength) : UNTIL_CLOSE
}

/** Whether responses with this status have no body, whatever their head says (RFC 9110, section 6.4.1). */
export const hasNoBody = (status: number): boolean => status < 200 || status === 204 || status === 304

/** Bytes that are not the HTTP/1.1 this side speaks. The connection they came on cannot be used any further. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  constructor(
    /** What to answer: of a request 400 and above, of a response 502. */
    readonly status: number,
    /** What is wrong, in words that quote nothing of what was sent. */
    message: string,
  ) {
    super(message)
  }
}

export const badRequest = (message: string): ProtocolError => new ProtocolError(400, message)
export const badResponse = (message: string): ProtocolError => new ProtocolError(502, message)

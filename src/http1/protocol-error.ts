/** Invalid HTTP/1.1. The connection cannot be used any further. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  constructor(
    /** The status to respond with: 400 or above for a request, 502 for a response. */
    readonly status: number,
    /** What is wrong, without quoting what was sent. */
    message: string,
  ) {
    super(message)
  }
}

export const badRequest = (message: string): ProtocolError => new ProtocolError(400, message)
export const badResponse = (message: string): ProtocolError => new ProtocolError(502, message)

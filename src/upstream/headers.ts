// Headers stay as they came: a flat list of names and values, so that order, case and repetition survive.

/** For the next hop only (RFC 9110, section 7.6.1), beside what the sender lists in `Connection`. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])

/** What `Connection` cannot remove: without it the message would mean something else. */
export const ESSENTIAL: ReadonlySet<string> = new Set(['host', 'content-length', 'content-type'])

/** Removes the headers that `connection`, the value of `Connection`, lists. */
export function removeListed(headers: string[], connection: string): void {
  if (connection === '' || /^(?:keep-alive|close|upgrade)$/i.test(connection)) return
  const listed = new Set(connection.toLowerCase().split(/[\s,]+/))
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    const lower = (headers[i] as string).toLowerCase()
    if (listed.has(lower) && !ESSENTIAL.has(lower)) headers.splice(i, 2)
  }
}

/** The values of a repeated header as one. */
export const join = (list: string | undefined, value: string): string => (list ? `${list}, ${value}` : value)

/** The headers of an upstream's response, or its trailers. */
export class ResponseHeaders {
  /** What goes on to the client, as it came. */
  readonly endToEnd: string[] = []
  contentLength: number | undefined
  #isChunked = false

  constructor(raw: readonly Buffer[]) {
    let connection = ''
    for (let i = 0; i < raw.length; i += 2) {
      const name = (raw[i] as Buffer).toString('latin1')
      const value = (raw[i + 1] as Buffer).toString('latin1')
      const lower = name.toLowerCase()
      if (lower === 'connection') connection = join(connection, value)
      else if (lower === 'transfer-encoding') this.#isChunked = true
      else if (!HOP_BY_HOP.has(lower)) {
        if (lower === 'content-length') this.contentLength = Number(value)
        this.endToEnd.push(name, value)
      }
    }
    removeListed(this.endToEnd, connection)
  }

  get announcesBody(): boolean {
    return this.#isChunked || (this.contentLength !== undefined && this.contentLength !== 0)
  }

  /** A 204 must not have a length (RFC 9110, section 8.6). */
  dropLength(): void {
    for (let i = this.endToEnd.length - 2; i >= 0; i -= 2) {
      if (this.endToEnd[i]?.toLowerCase() === 'content-length') this.endToEnd.splice(i, 2)
    }
  }
}

/** A flat list as pairs. */
export function pairsOf(headers: readonly string[]): [name: string, value: string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i] as string, headers[i + 1] as string])
  return pairs
}

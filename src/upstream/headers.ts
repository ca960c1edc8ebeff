import type { Fields } from '../http1/fields.js'
import type { ResponseHead } from '../http1/head.js'

/** Hop-by-hop headers (RFC 9110, section 7.6.1) and framing headers. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])

/** Headers that `Connection` cannot remove, since the message would mean something else without them. */
const ESSENTIAL: ReadonlySet<string> = new Set(['host', 'content-type'])

/** The hop-by-hop headers that `Connection`, in lower case, lists; undefined if it lists none. */
export function hopByHop(connection: string): ReadonlySet<string> | undefined {
  if (
    connection === '' ||
    connection === 'keep-alive' ||
    connection === 'close' ||
    connection === 'upgrade'
  ) {
    return undefined
  }
  return new Set(connection.split(/[\s,]+/).filter((name) => !ESSENTIAL.has(name)))
}

/** The lines of a response's head for the client. A 426 keeps its Upgrade. */
export function responseLines({ fields, connection, status }: ResponseHead): string {
  const listed = hopByHop(connection)
  const lines = fields.lines((name) => !HOP_BY_HOP.has(name) && !listed?.has(name))
  if (status !== 426) return lines
  const upgrade = fields.list('upgrade')
  return upgrade === undefined ? lines : `${lines}Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`
}

/** Fields that are not allowed in trailers (RFC 9110, section 6.5.1): framing, routing, credentials, cache control. */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...[
    'host',
    'content-type',
    'content-encoding',
    'content-range',
    'trailer',
    'expect',
    'range',
    'max-forwards',
  ],
  ...['authorization', 'cookie', 'set-cookie', 'www-authenticate', 'cache-control', 'age', 'date', 'expires'],
  ...['location', 'retry-after', 'vary', 'origin'],
])

/** The trailer lines that pass. */
export function trailerLines(trailers: Fields | undefined, passes: (name: string) => boolean): string {
  return trailers?.lines((name) => !NOT_IN_TRAILERS.has(name) && passes(name)) ?? ''
}

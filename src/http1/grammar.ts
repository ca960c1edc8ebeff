// The grammar of RFC 9110 and RFC 9112, rule by rule. Text is Latin-1, one character per byte.

/** token (RFC 9110, section 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
export const isToken = (text: string): boolean => TOKEN.test(text)

const SP = 0x20
const HTAB = 0x09
export const isWhitespace = (code: number): boolean => code === SP || code === HTAB

/**
 * Removes optional whitespace (RFC 9110, section 5.6.3). `String.trim` would also remove U+00A0 and others: names that differ for
 * a browser would then be equal here.
 */
export function trimWhitespace(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isWhitespace(text.charCodeAt(from))) from++
  while (to > from && isWhitespace(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

/**
 * Lines of a head: each ends with CRLF and contains no control character except HTAB (RFC 9110, section 5.5; RFC 9112,
 * section 2.2). Checked in one pass; matching the allowed characters is faster than searching for others.
 */
const LINES = /^(?:[\t\x20-\x7e\x80-\xff]*\r\n)*$/
export const areLines = (text: string): boolean => LINES.test(text)

/** The start of such text, whose last line may be incomplete. */
const START_OF_LINES = /^(?:[\t\x20-\x7e\x80-\xff]*\r\n)*[\t\x20-\x7e\x80-\xff]*\r?$/
/** The same if the text before it ends with the CR of a CRLF. */
const REST_OF_LINES = /^\n?(?:[\t\x20-\x7e\x80-\xff]*\r\n)*[\t\x20-\x7e\x80-\xff]*\r?$/
export const mayBeLines = (text: string, isRest: boolean): boolean =>
  (isRest ? REST_OF_LINES : START_OF_LINES).test(text)

/**
 * origin-form (RFC 9112, section 3.2.1), wider than the RFC: any printable ASCII but `#`, since programs send `|`, `{`
 * and `"` as they are. `#` would start a fragment for one reader and belong to the path for another.
 */
const ORIGIN_FORM = /^\/[\x21\x22\x24-\x7e]*$/
export const isOriginForm = (target: string): boolean => ORIGIN_FORM.test(target)

/** absolute-form (section 3.2.2) without user information, which RFC 9110, section 4.2.4, warns of. */
const ABSOLUTE_FORM = /^https?:\/\/([^/?]+)((?:[/?][\x21\x22\x24-\x7e]*)?)$/i

/** The authority and the rest of an absolute target; undefined if it is not one. */
export function splitAbsoluteForm(target: string): { authority: string; path: string } | undefined {
  const [, authority, rest] = ABSOLUTE_FORM.exec(target) ?? []
  if (authority === undefined || rest === undefined || !isAuthority(authority)) return undefined
  return { authority, path: rest.startsWith('/') ? rest : `/${rest}` }
}

/**
 * uri-host [ ":" port ] (RFC 9110, section 7.2): a name, an IPv4 address or a bracketed IPv6 address, and a port up to
 * 65535. A name has no empty label, but may end with a dot.
 */
const AUTHORITY =
  /^(?:(?!\.(?::|$))(?:[A-Za-z0-9\-_~!$&'()*+,;=%]|\.(?!\.))+|\[(?:[0-9A-Fa-f:]|\.(?!\.))+\])(?::(?:[0-5]?\d{0,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]))?$/
export const isAuthority = (text: string): boolean => AUTHORITY.test(text)

/** chunk-ext (RFC 9112, section 7.1.1), without the "bad" whitespace that senders must not generate. */
const CHUNK_EXTENSIONS =
  /^(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"))?)*$/
export const isChunkExtensions = (text: string): boolean => CHUNK_EXTENSIONS.test(text)

/**
 * The supported request methods: those in the IANA registry that Node's parser knows. The rules for bodies of an unknown
 * method would be unknown too.
 */
export const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'],
  ...[
    'ACL',
    'BIND',
    'CHECKOUT',
    'COPY',
    'LINK',
    'LOCK',
    'MERGE',
    'MKACTIVITY',
    'MKCALENDAR',
    'MKCOL',
    'MOVE',
  ],
  ...['PROPFIND', 'PROPPATCH', 'REBIND', 'REPORT', 'SEARCH', 'UNBIND', 'UNLINK', 'UNLOCK'],
  ...['M-SEARCH', 'NOTIFY', 'PURGE', 'SUBSCRIBE', 'UNSUBSCRIBE'],
])

/**
 * Methods that are rejected: CONNECT makes the connection a tunnel, and TRACE returns the head, with the credentials in it.
 */
export const REFUSED_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE'])

/** Content-Length (RFC 9110, section 8.6). Not all servers accept a tab after it. */
const DIGITS = /^\d+ *$/
export const isDigits = (text: string): boolean => DIGITS.test(text)

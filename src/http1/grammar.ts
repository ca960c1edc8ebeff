// The grammar of RFC 9110 and RFC 9112, rule by rule. Text is latin1: a character is a byte.

/** token (RFC 9110, section 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
export const isToken = (text: string): boolean => TOKEN.test(text)

/**
 * Lines of a head: each ends with CRLF, and nothing in it is a control character but HTAB (RFC 9110, section 5.5; RFC
 * 9112, section 2.2). One pass over the text; written as what may be there, since that is faster than what may not.
 */
const LINES = /^(?:[\t\x20-\x7e\x80-\xff]*\r\n)*$/
export const areLines = (text: string): boolean => LINES.test(text)

/** The start of such text: the last line may be cut off. */
const START_OF_LINES = /^(?:[\t\x20-\x7e\x80-\xff]*\r\n)*[\t\x20-\x7e\x80-\xff]*\r?$/
/** The same where the text before it ends with the CR of a pair. */
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

/** An absolute target's authority and the rest, or undefined where it is not one. */
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
 * The request methods that are served: the IANA registry's as far as Node's parser knows them. A method that is not
 * known could give a request a body, or a response none, by rules that are not known either.
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
 * Methods that change what a message means: CONNECT makes a tunnel of the connection, TRACE sends the head back, with
 * the credentials that are in it.
 */
export const REFUSED_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE'])

/** Content-Length (RFC 9110, section 8.6). Not everybody takes a tab behind it. */
const DIGITS = /^\d+ *$/
export const isDigits = (text: string): boolean => DIGITS.test(text)

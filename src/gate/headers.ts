import type { IncomingMessage } from 'node:http'

// The head of a request and of a response: what the gate reads from it, and what it hands on. Headers stay as they came,
// a flat list of names and values, so that their order, their case and repeated ones survive.

/** RFC 9110, section 7.6.1: for the next hop alone; also what a sender names in `Connection`. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])

/** What an upstream believes about who asks. */
const IDENTITY = new Set([
  'x-forwarded-user',
  'x-forwarded-groups',
  'x-remote-user',
  'remote-user',
  'x-real-ip',
  // By these, gunicorn takes a request of a neighbour for one to another path.
  'script-name',
  'path-info',
])

/** By these, some applications take a request for one with another method. */
const METHOD_OVERRIDES = new Set(['x-http-method-override', 'x-http-method', 'x-method-override'])
/** And by these for one to another path. */
const PATH_OVERRIDES = new Set(['x-original-url', 'x-rewrite-url', 'x-forwarded-prefix'])

/** What `Connection` cannot take out of a request: without it the message would mean another one. */
const ESSENTIAL = new Set(['host', 'content-length', 'content-type'])

/** What else the gate reads or sets. */
const READ = new Set(['authorization', 'x-mlflow-authorization', 'expect', 'origin'])

/**
 * Whether `lower` is how somebody writes a header that matters without being that header: CGI and WSGI read underscores
 * as hyphens, so that it would count for the upstream, beside the true one or in its place.
 */
function isTwin(lower: string): boolean {
  if (!lower.includes('_')) return false
  const name = lower.replaceAll('_', '-')
  return (
    name.startsWith('x-forwarded-') ||
    [HOP_BY_HOP, IDENTITY, ESSENTIAL, READ, METHOD_OVERRIDES, PATH_OVERRIDES].some((names) => names.has(name))
  )
}

/** A request's head, read once. */
export class RequestHead {
  /** What goes on to the upstream as it came. Without `Host`. */
  readonly endToEnd: string[] = []
  host: string | undefined
  authorization: string | string[] | undefined
  contentLength: string | undefined
  transferEncoding: string | undefined
  upgrade: string | undefined
  expect: string | undefined
  accept = ''
  userAgent: string | undefined
  origin: string | undefined
  /** Sec-Fetch-Site. */
  fetchSite: string | undefined
  /** Access-Control-Request-Method. */
  preflightMethod: string | undefined
  /** X-MLflow-Authorization. */
  relayLogin: string | string[] | undefined
  /** Names and values of headers that some applications take a request for another one by. */
  readonly overrides: string[] = []
  acceptsTrailers = false
  forwardedFor: string | undefined
  forwardedProto: string | undefined
  forwardedHost: string | undefined
  /** Why this request cannot be handed on safely. */
  invalid: 'host' | 'transfer-encoding' | undefined

  /** @param raw `request.rawHeaders` */
  constructor(raw: readonly string[]) {
    let connection = ''
    for (let i = 0; i < raw.length; i += 2) {
      const name = raw[i] as string
      const value = raw[i + 1] as string
      const lower = name.toLowerCase()
      switch (lower) {
        case 'host':
          if (this.host !== undefined) this.invalid = 'host'
          this.host = value
          break
        case 'authorization':
          this.authorization = and(this.authorization, value)
          break
        case 'x-mlflow-authorization':
          this.relayLogin = and(this.relayLogin, value)
          break
        case 'origin':
          // Of two, neither can be trusted.
          this.origin = this.origin === undefined ? value : 'null'
          break
        case 'sec-fetch-site':
          this.fetchSite = value
          this.endToEnd.push(name, value)
          break
        case 'access-control-request-method':
          this.preflightMethod = value
          this.endToEnd.push(name, value)
          break
        case 'user-agent':
          this.userAgent = value
          this.endToEnd.push(name, value)
          break
        case 'connection':
          connection = join(connection, value)
          break
        case 'transfer-encoding':
          if (this.transferEncoding !== undefined || value.toLowerCase() !== 'chunked') {
            this.invalid = 'transfer-encoding'
          }
          this.transferEncoding = value
          break
        case 'upgrade':
          this.upgrade = value
          break
        case 'expect':
          this.expect = value
          break
        case 'te':
          if (/\btrailers\b/i.test(value)) this.acceptsTrailers = true
          break
        case 'x-forwarded-for':
          this.forwardedFor = join(this.forwardedFor, value)
          break
        case 'x-forwarded-proto':
          this.forwardedProto = value
          break
        case 'x-forwarded-host':
          this.forwardedHost = value
          break
        case 'content-length':
          this.contentLength = value
          this.endToEnd.push(name, value)
          break
        case 'accept':
          this.accept = value
          this.endToEnd.push(name, value)
          break
        default:
          if (METHOD_OVERRIDES.has(lower) || PATH_OVERRIDES.has(lower)) this.overrides.push(name, value)
          else if (!HOP_BY_HOP.has(lower) && !IDENTITY.has(lower) && !isTwin(lower)) {
            this.endToEnd.push(name, value)
          }
      }
    }
    removeNamed(this.endToEnd, connection)
  }

  get hasBody(): boolean {
    return (
      this.transferEncoding !== undefined || (this.contentLength !== undefined && this.contentLength !== '0')
    )
  }
}

/**
 * A target with scheme and host, as for a proxy (RFC 9112, section 3.2.2), becomes a path; its host counts, not `Host`.
 */
export function originForm(request: IncomingMessage, head: RequestHead): void {
  const target = request.url as string
  if (target.startsWith('/')) return
  const [whole, host] = /^https?:\/\/([^/?#@]+)/i.exec(target) ?? []
  if (whole === undefined) return
  const path = target.slice(whole.length)
  if (path !== '' && !path.startsWith('/') && !path.startsWith('?')) return
  head.host = host
  request.url = path.startsWith('/') ? path : `/${path}`
}

/** A response's head, read once. */
export class ResponseHead {
  /** What goes on to the client as it came. */
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
    removeNamed(this.endToEnd, connection)
  }

  get announcesBody(): boolean {
    return this.#isChunked || (this.contentLength !== undefined && this.contentLength !== 0)
  }

  /** 204 must not have one (RFC 9110, section 8.6). */
  dropLength(): void {
    for (let i = this.endToEnd.length - 2; i >= 0; i -= 2) {
      if (this.endToEnd[i]?.toLowerCase() === 'content-length') this.endToEnd.splice(i, 2)
    }
  }
}

function removeNamed(headers: string[], connection: string): void {
  if (connection === '' || /^(?:keep-alive|close|upgrade)$/i.test(connection)) return
  const named = new Set(connection.toLowerCase().split(/[\s,]+/))
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    const lower = (headers[i] as string).toLowerCase()
    if (named.has(lower) && !ESSENTIAL.has(lower)) headers.splice(i, 2)
  }
}

const join = (list: string | undefined, value: string): string => (list ? `${list}, ${value}` : value)

const and = (values: string | string[] | undefined, value: string): string | string[] =>
  values === undefined ? value : [values, value].flat()

/**
 * Of the headers that some applications take a request for another one by, those that can stay where roles are enforced: a
 * write may be declared another write.
 */
export function harmlessOverrides(overrides: readonly string[], isWrite: boolean): string[] {
  return overrides.filter(
    (_, i) => isWrite && METHOD_OVERRIDES.has((overrides[i & ~1] as string).toLowerCase()),
  )
}

/** Names of groups for one header: separated by commas, with commas and percent signs in them encoded. */
export const groupsText = (groups: readonly string[]): string =>
  headerText(groups.map((group) => group.replace(/[%,\x00-\x1f\x7f]/g, encodeURIComponent)).join(','))

/** A user's name for a header: Node writes headers as latin1, and so the name's UTF-8 bytes go out as they are. */
export const headerText = (user: string): string => Buffer.from(user).toString('latin1')

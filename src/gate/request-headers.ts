import { ESSENTIAL, HOP_BY_HOP, join, removeListed } from '../upstream/headers.js'

/** What upstreams believe about who sends a request. */
const IDENTITY = new Set([
  'x-forwarded-user',
  'x-forwarded-groups',
  'x-forwarded-email',
  'x-forwarded-preferred-username',
  'x-remote-user',
  'x-remote-groups',
  'remote-user',
  'remote-groups',
  'x-real-ip',
  // By these, gunicorn takes a request of a neighbour for one to another path.
  'script-name',
  'path-info',
])

/** By these, some applications take a request for one with another method. */
const METHOD_OVERRIDES = new Set(['x-http-method-override', 'x-http-method', 'x-method-override'])
/** And by these for one to another path. */
const PATH_OVERRIDES = new Set(['x-original-url', 'x-rewrite-url', 'x-forwarded-prefix'])

/** What else the gate reads or sets. */
const READ = new Set(['authorization', 'x-mlflow-authorization', 'expect', 'origin'])

/**
 * Whether a header is a disguise of one that matters. CGI and WSGI read `_` and some servers `.` as `-`, so that it would
 * count for the upstream beside the true header or in its place.
 */
function isDisguised(lower: string): boolean {
  if (!/[^a-z0-9-]/.test(lower)) return false
  const name = lower.replace(/[^a-z0-9]/g, '-')
  return (
    name.startsWith('x-forwarded-') ||
    [HOP_BY_HOP, IDENTITY, ESSENTIAL, READ, METHOD_OVERRIDES, PATH_OVERRIDES].some((names) => names.has(name))
  )
}

/** The headers of a request, read once. */
export class RequestHeaders {
  /** What goes on to the upstream as it came, without `Host`. */
  readonly endToEnd: string[] = []
  host: string | undefined
  /** All values of `Authorization`. */
  authorization: string | string[] | undefined
  cookie: string | undefined
  contentLength: string | undefined
  transferEncoding: string | undefined
  upgrade: string | undefined
  expect: string | undefined
  accept = ''
  userAgent: string | undefined
  /** `null` where there are several. */
  origin: string | undefined
  /** Sec-Fetch-Site. */
  fetchSite: string | undefined
  /** Access-Control-Request-Method. */
  preflightMethod: string | undefined
  /** X-MLflow-Authorization. */
  relayLogin: string | string[] | undefined
  /** Names and values of headers by which some applications take a request for another one. */
  readonly overrides: string[] = []
  acceptsTrailers = false
  forwardedFor: string | undefined
  forwardedProto: string | undefined
  forwardedHost: string | undefined
  /** Why this request cannot be forwarded safely. */
  invalid: 'host' | 'transfer-encoding' | undefined

  /** @param raw a flat list of names and values */
  constructor(readonly raw: readonly string[]) {
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
        case 'cookie':
          // HTTP/1.1 allows one only, but to join is what RFC 6265 would have meant.
          this.cookie = this.cookie === undefined ? value : `${this.cookie}; ${value}`
          this.endToEnd.push(name, value)
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
          else if (!HOP_BY_HOP.has(lower) && !IDENTITY.has(lower) && !isDisguised(lower)) {
            this.endToEnd.push(name, value)
          }
      }
    }
    removeListed(this.endToEnd, connection)
  }

  /** All values of the headers with one of these names, in lower case. */
  valuesOf(names: readonly string[]): string[] {
    return this.raw.filter((_, i) => i % 2 === 1 && names.includes((this.raw[i - 1] as string).toLowerCase()))
  }

  get hasBody(): boolean {
    return (
      this.transferEncoding !== undefined || (this.contentLength !== undefined && this.contentLength !== '0')
    )
  }
}

/**
 * A target in absolute form, as for a proxy (RFC 9112, section 3.2.2), as a path; its host replaces `Host`. Any other
 * target as it is.
 */
export function originForm(target: string, headers: RequestHeaders): string {
  if (target.startsWith('/')) return target
  const [whole, host] = /^https?:\/\/([^/?#@]+)/i.exec(target) ?? []
  if (whole === undefined) return target
  const path = target.slice(whole.length)
  if (path !== '' && !path.startsWith('/') && !path.startsWith('?')) return target
  headers.host = host
  return path.startsWith('/') ? path : `/${path}`
}

/**
 * Of the headers by which some applications take a request for another one, those that can stay where roles are enforced: a
 * write may be declared another write.
 */
export function harmlessOverrides(overrides: readonly string[], isWrite: boolean): string[] {
  return overrides.filter(
    (_, i) => isWrite && METHOD_OVERRIDES.has((overrides[i & ~1] as string).toLowerCase()),
  )
}

const and = (values: string | string[] | undefined, value: string): string | string[] =>
  values === undefined ? value : [values, value].flat()

/** Names of groups for one header: separated by commas, with commas and percent signs in them encoded. */
export const groupsText = (groups: readonly string[]): string =>
  headerText(groups.map((group) => group.replace(/[%,\x00-\x1f\x7f]/g, encodeURIComponent)).join(','))

/** A name for a header: headers are written as latin1, so the name's UTF-8 bytes go out as they are. */
export const headerText = (name: string): string => Buffer.from(name).toString('latin1')

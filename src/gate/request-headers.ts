import type { Fields } from '../http1/fields.js'
import type { RequestHead } from '../http1/head.js'
import { hopByHop } from '../upstream/headers.js'
import { withoutOwnCookies } from './pages/cookies.js'
import { type HeaderFilter, METHOD_OVERRIDES } from './removed-headers.js'

/** The headers of a request, parsed once. */
export class RequestHeaders {
  readonly #fields: Fields
  /** The lines for the upstream, without Host and Origin. */
  #lines = ''
  host: string | undefined
  /** All values of `Authorization`. */
  authorization: string | string[] | undefined
  cookie: string | undefined
  accept = ''
  userAgent: string | undefined
  /** `null` if there are several. */
  origin: string | undefined
  /** Sec-Fetch-Site. */
  fetchSite: string | undefined
  /** Sec-Fetch-Mode. */
  fetchMode: string | undefined
  /** Sec-Fetch-Dest. */
  fetchDest: string | undefined
  /** Access-Control-Request-Method. */
  preflightMethod: string | undefined
  /** X-MLflow-Authorization. */
  relayLogin: string | string[] | undefined
  /** Names and values of headers that override the method in some applications. */
  readonly overrides: string[] = []
  acceptsTrailers = false
  forwardedFor: string | undefined
  forwardedProto: string | undefined
  forwardedHost: string | undefined
  readonly hasBody: boolean

  /**
   * @param trusted whether a trusted proxy sent the request
   * @param filter decides which of the other headers pass
   */
  constructor(head: RequestHead, trusted: boolean, filter: HeaderFilter) {
    const { fields } = head
    this.#fields = fields
    this.host = head.host
    this.hasBody = head.length !== 0
    const listed = hopByHop(head.connection)
    const { names, text } = fields
    let run = -1
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string
      if (this.#read(name, i, trusted, filter) && !listed?.has(name)) {
        if (run === -1) run = fields.start(i)
      } else if (run !== -1) {
        this.#lines += text.slice(run, fields.start(i))
        run = -1
      }
    }
    if (run !== -1) this.#lines += text.slice(run, fields.end(names.length - 1))
  }

  /** The lines for the upstream, each with its CRLF; without Host and Origin. */
  get lines(): string {
    return this.#lines
  }

  /** Adds a header for the upstream. */
  forward(name: string, value: string): void {
    this.#lines += `${name}: ${value}\r\n`
  }

  /** Reads a header. Returns whether it passes to the upstream. */
  #read(name: string, index: number, trusted: boolean, filter: HeaderFilter): boolean {
    const fields = this.#fields
    switch (name) {
      case 'host':
      case 'connection':
      case 'keep-alive':
      case 'proxy-authenticate':
      case 'proxy-authorization':
      case 'proxy-connection':
      case 'transfer-encoding':
      case 'content-length':
      case 'upgrade':
      case 'expect':
      case 'x-real-ip':
        return false
      case 'authorization':
        this.authorization = and(this.authorization, fields.value(index))
        return false
      case 'x-mlflow-authorization':
        this.relayLogin = and(this.relayLogin, fields.value(index))
        return false
      case 'origin':
        // If there are two, neither can be trusted.
        this.origin = this.origin === undefined ? fields.value(index) : 'null'
        return false
      case 'te':
        if (/\btrailers\b/i.test(fields.value(index))) this.acceptsTrailers = true
        return false
      case 'x-forwarded-for':
        this.forwardedFor = join(this.forwardedFor, fields.value(index), ', ')
        return false
      case 'x-forwarded-proto':
        this.forwardedProto = fields.value(index)
        return false
      case 'x-forwarded-host':
        this.forwardedHost = fields.value(index)
        return false
      case 'sec-fetch-site':
        this.fetchSite = fields.value(index)
        return true
      case 'sec-fetch-mode':
        this.fetchMode = fields.value(index)
        return true
      case 'sec-fetch-dest':
        this.fetchDest = fields.value(index)
        return true
      case 'access-control-request-method':
        this.preflightMethod = fields.value(index)
        return true
      case 'user-agent':
        this.userAgent = fields.value(index)
        return true
      case 'cookie':
        // HTTP/1.1 allows only one, but joining them is in the spirit of RFC 6265.
        this.cookie = join(this.cookie, fields.value(index), '; ')
        return this.#passCookies(fields.value(index))
      case 'accept':
        this.accept = fields.value(index)
        return true
    }
    switch (filter.fate(name)) {
      case 'pass':
        return true
      case 'remove':
        return false
      case 'pass-from-trusted':
        return trusted
      case 'override':
        this.overrides.push(fields.spelled(index), fields.value(index))
        return false
    }
  }

  /** Removes the gate's own cookies. Returns whether the line passes unchanged. */
  #passCookies(value: string): boolean {
    const others = withoutOwnCookies(value)
    if (others === value) return true
    if (others !== undefined) this.forward('Cookie', others)
    return false
  }

  /** All values of headers with any of these names, which must be in lower case. */
  valuesOf(names: readonly string[]): string[] {
    const fields = this.#fields
    return fields.names.flatMap((name, i) => (names.includes(name) ? fields.value(i) : []))
  }
}

/**
 * The method overrides that may pass when roles are enforced: those that turn a write into another write.
 */
export function harmlessOverrides(overrides: readonly string[], isWrite: boolean): string[] {
  const names: readonly string[] = METHOD_OVERRIDES
  return overrides.filter((_, i) => isWrite && names.includes((overrides[i & ~1] as string).toLowerCase()))
}

const join = (list: string | undefined, value: string, separator: string): string =>
  list === undefined || list === '' ? value : `${list}${separator}${value}`

const and = (values: string | string[] | undefined, value: string): string | string[] =>
  values === undefined ? value : [values, value].flat()

/** Group names for one header: separated by commas, with percent-encoded commas and percent signs. */
export const groupsText = (groups: readonly string[]): string =>
  headerText(groups.map((group) => group.replace(/[%,\x00-\x1f\x7f]/g, encodeURIComponent)).join(','))

/** Makes a name a header value: headers are written as Latin-1, so this sends the name's UTF-8 bytes. */
export const headerText = (name: string): string =>
  IS_ASCII.test(name) ? name : Buffer.from(name).toString('latin1')

const IS_ASCII = /^[\x20-\x7e]*$/

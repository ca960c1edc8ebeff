import type { Fields } from '../http1/fields.js'
import type { RequestHead } from '../http1/head.js'
import { hopByHop } from '../upstream/headers.js'
import { withoutOwnCookies } from './pages/cookies.js'
import { type HeaderFilter, METHOD_OVERRIDES } from './removed-headers.js'

/** The headers of a request, read once. */
export class RequestHeaders {
  readonly #fields: Fields
  /** Lines that go on to the upstream; without Host and Origin. */
  #lines = ''
  host: string | undefined
  /** All values of `Authorization`. */
  authorization: string | string[] | undefined
  cookie: string | undefined
  accept = ''
  userAgent: string | undefined
  /** `null` where there are several. */
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
  /** Names and values of headers by which some applications take a request for another one. */
  readonly overrides: string[] = []
  acceptsTrailers = false
  forwardedFor: string | undefined
  forwardedProto: string | undefined
  forwardedHost: string | undefined
  readonly hasBody: boolean

  /**
   * @param trusted whether a trusted proxy sent them
   * @param filter tells which of the others pass
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

  /** The lines that go on to the upstream as they came, each with its CRLF. Without Host and Origin. */
  get lines(): string {
    return this.#lines
  }

  /** Adds a header to those that go on. */
  forward(name: string, value: string): void {
    this.#lines += `${name}: ${value}\r\n`
  }

  /** Takes note of a header. Whether it goes on to the upstream. */
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
        // Of two, neither can be trusted.
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
        // HTTP/1.1 allows one only, but to join is what RFC 6265 would have meant.
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

  /** The gate's own cookies are its business alone. Whether the line goes on as it is. */
  #passCookies(value: string): boolean {
    const others = withoutOwnCookies(value)
    if (others === value) return true
    if (others !== undefined) this.forward('Cookie', others)
    return false
  }

  /** All values of the headers with one of these names, in lower case. */
  valuesOf(names: readonly string[]): string[] {
    const fields = this.#fields
    return fields.names.flatMap((name, i) => (names.includes(name) ? fields.value(i) : []))
  }
}

/**
 * Of the headers by which some applications take a request for another one, those that can stay where roles are enforced: a
 * write may be declared another write.
 */
export function harmlessOverrides(overrides: readonly string[], isWrite: boolean): string[] {
  const names: readonly string[] = METHOD_OVERRIDES
  return overrides.filter((_, i) => isWrite && names.includes((overrides[i & ~1] as string).toLowerCase()))
}

const join = (list: string | undefined, value: string, separator: string): string =>
  list === undefined || list === '' ? value : `${list}${separator}${value}`

const and = (values: string | string[] | undefined, value: string): string | string[] =>
  values === undefined ? value : [values, value].flat()

/** Names of groups for one header: separated by commas, with commas and percent signs in them encoded. */
export const groupsText = (groups: readonly string[]): string =>
  headerText(groups.map((group) => group.replace(/[%,\x00-\x1f\x7f]/g, encodeURIComponent)).join(','))

/** A name for a header: headers are written as latin1, so the name's UTF-8 bytes go out as they are. */
export const headerText = (name: string): string => Buffer.from(name).toString('latin1')

import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

// Requests to an issuer: HTTPS, with the configured authorities, or plain HTTP to this machine only. They are limited in time
// and size, and follow no redirects.

const TIMEOUT = 10_000
const MAX_BODY = 1024 * 1024

export type Fetch = (url: string, init?: FetchInit) => Promise<Response>

export interface FetchInit {
  readonly method?: string
  readonly headers?: Headers | Record<string, string>
  readonly body?: unknown
  readonly signal?: AbortSignal | null | undefined
}

/** @param ca certificates (PEM) to trust. Default: those that Node trusts */
export function issuerFetch(ca?: string): Fetch {
  return async (url, { method = 'GET', headers = {}, body, signal } = {}) => {
    const target = new URL(url)
    if (!isSafe(target)) throw new TypeError(`${target.origin} is not https`)
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest
    const content = body === undefined || body === null ? undefined : String(body)
    const timeout = AbortSignal.timeout(TIMEOUT)
    const fields = Object.fromEntries(headers instanceof Headers ? headers : new Headers(headers))
    if (content !== undefined) fields['content-length'] = String(Buffer.byteLength(content))
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = send(target, {
        method,
        headers: fields,
        agent: false,
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        ...(ca === undefined ? {} : { ca }),
      })
      request.on('response', resolve).on('error', reject)
      request.end(content)
    })
    const parts: Buffer[] = []
    let length = 0
    for await (const part of response as AsyncIterable<Buffer>) {
      length += part.length
      if (length > MAX_BODY) {
        response.destroy()
        throw new RangeError(`the response of ${target.origin} is longer than ${MAX_BODY} bytes`)
      }
      parts.push(part)
    }
    const status = response.statusCode as number
    const answered = new Headers()
    for (const [name, values] of Object.entries(response.headersDistinct)) {
      for (const value of values ?? []) answered.append(name, value)
    }
    const isEmpty = status === 204 || status === 205 || status === 304
    return new Response(isEmpty ? null : Buffer.concat(parts), { status, headers: answered })
  }
}

/** Whether requests to `url` are encrypted or stay on this machine. */
export function isSafe(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}

/** Whether `text` can be the URL of an issuer (OpenID Connect Discovery 1.0, section 3). */
export function isIssuerUrl(text: string): boolean {
  if (!URL.canParse(text) || /[?#]/.test(text)) return false
  const url = new URL(text)
  return isSafe(url) && url.username === '' && url.password === ''
}

/** @param host as in a URL: without a port, IPv6 in brackets */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i.test(host)
}

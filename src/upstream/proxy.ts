import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Exchange } from '../gate/exchange.js'
import { groupsText, headerText, ResponseHead } from '../gate/headers.js'
import { type Reply, replies } from '../gate/replies.js'
import type { Rules } from '../gate/rules.js'
import { upstreamName } from '../gate/upstream-name.js'
import type { Log } from '../operations/log.js'
import { explainRefusal } from './mlflow-hints.js'
import { RequestBody } from './request-body.js'
import { tunnel } from './tunnel.js'
import type { Upstream } from './upstream.js'

/** Hands a request that may pass to the upstream, and its response to the client. */
export function forward(exchange: Exchange, upstream: Upstream, rules: Rules, log: Log): void {
  new Forwarding(exchange, upstream, rules, log).send()
}

/** Methods that may be sent twice when a connection turns out to be closed (RFC 9110, section 9.2.2). */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS'])
const CLOSED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

class Forwarding implements Dispatcher.DispatchHandlers {
  readonly #headers: string[]
  #abort: ((error?: Error) => void) | undefined
  #resume: (() => void) | undefined
  /** The length of the body, where it is told. */
  #length: number | undefined
  #gone = false
  #over = false
  #tries = 0
  /** When it was sent. */
  #sent = 0

  constructor(
    readonly exchange: Exchange,
    readonly upstream: Upstream,
    rules: Rules,
    readonly log: Log,
  ) {
    this.#headers = upstreamHeaders(exchange, upstream, rules)
    exchange.onOver = () => this.#clientGone()
  }

  send(): void {
    const { exchange, upstream } = this
    const { head, request } = exchange
    this.#tries++
    this.#sent = performance.now()
    upstream.pool.dispatch(
      {
        path: upstream.prefix + exchange.target,
        method: exchange.method as Dispatcher.HttpMethod,
        headers: this.#headers,
        body: head.hasBody ? new RequestBody(request) : null,
        ...(exchange.tunnel ? { upgrade: head.upgrade as string } : {}),
      },
      this,
    )
  }

  onConnect(abort: () => void): void {
    this.#abort = abort
    if (this.#gone) abort()
    else if (this.exchange.head.expect !== undefined) this.exchange.response.writeContinue()
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, text: string): boolean {
    const { exchange } = this
    exchange.upstreamMs = performance.now() - this.#sent
    const { response } = exchange
    if (status < 200) {
      inform(exchange, status, raw)
      return true
    }
    const head = new ResponseHead(raw)
    this.#resume = resume
    this.#length = head.contentLength
    exchange.status = status
    const isBodiless = status === 204 || status === 304
    if (status === 204) head.dropLength()
    response.writeHead(status, text, head.endToEnd)
    if (isBodiless) {
      this.#end()
      // Undici would wait for the body that it announces, or hand it on.
      if (head.announcesBody) this.#abort?.()
    } else if (this.#length === undefined) process.nextTick(flushHead, exchange)
    return true
  }

  onData(chunk: Buffer): boolean {
    if (this.#over) return true
    const { exchange } = this
    const { response } = exchange
    if (exchange.status === 403 && exchange.bytes === 0) explainRefusal(exchange, chunk, this.log)
    exchange.bytes += chunk.length
    if (exchange.bytes === this.#length) {
      this.#end(chunk)
      return true
    }
    if (response.write(chunk)) return true
    response.once('drain', this.#resume as () => void)
    return false
  }

  onComplete(lines: string[] | null): void {
    if (this.#over) return
    const { response } = this.exchange
    // The types of undici are mistaken here.
    const trailers = lines as unknown as Buffer[] | null
    if (trailers && trailers.length > 0) response.addTrailers(pairs(new ResponseHead(trailers).endToEnd))
    this.#end()
  }

  onUpgrade(status: number, raw: Buffer[], socket: Duplex): void {
    this.#over = true
    this.exchange.upstreamMs = performance.now() - this.#sent
    this.exchange.status = status
    tunnel(this.exchange, raw, socket)
  }

  onError(error: Error & { code?: string }): void {
    if (this.#over || this.#gone) return
    const { exchange } = this
    const { response } = exchange
    const { code = '' } = error
    if (response.headersSent) {
      this.log.event('error', `upstream: ${error.message}`, { method: exchange.method, path: exchange.path })
      exchange.breakOff()
    } else if (this.#tries === 1 && this.#repeatable && CLOSED.has(code)) {
      this.send()
    } else if (code === 'UND_ERR_INVALID_ARG') {
      exchange.reply(replies.badRequest)
    } else {
      this.log.event('error', `upstream: ${error.message}`, { method: exchange.method, path: exchange.path })
      exchange.reply(this.#failure(code))
    }
  }

  #failure(code: string): Reply {
    const { connectTimeout, timeout } = this.upstream
    if (code === 'UND_ERR_CONNECT_TIMEOUT') return replies.upstreamSilent(connectTimeout / 1000)
    if (code === 'UND_ERR_HEADERS_TIMEOUT') return replies.upstreamSilent(timeout / 1000)
    return replies.upstreamDown
  }

  get #repeatable(): boolean {
    return !this.exchange.head.hasBody && REPEATABLE.has(this.exchange.method)
  }

  #end(chunk?: Buffer): void {
    this.#over = true
    this.exchange.response.end(chunk)
  }

  #clientGone(): void {
    this.#gone = true
    if (!this.#over) this.#abort?.()
  }
}

/** So that the client learns of it now, and not with the first bytes of a body that may take its time. */
function flushHead({ bytes, response }: Exchange): void {
  if (bytes === 0 && !response.writableEnded && !response.destroyed) response.flushHeaders()
}

/** The client's headers, and what the upstream is told about the client. */
function upstreamHeaders(exchange: Exchange, upstream: Upstream, rules: Rules): string[] {
  const { head, peer, client, principal, isOwnPage } = exchange
  const headers = head.endToEnd
  const { host = upstream.authority } = head
  const name = upstreamName(upstream.names, host, head.origin, isOwnPage)
  headers.push('Host', name.host)
  if (name.origin !== undefined) headers.push('Origin', name.origin)
  if (head.overrides.length > 0) headers.push(...rules.overridesOf(exchange))
  if (head.acceptsTrailers) headers.push('TE', 'trailers')
  if (!rules.identifies(exchange)) return headers
  const { address } = peer
  headers.push('X-Real-IP', client.address)
  headers.push('X-Forwarded-For', head.forwardedFor ? `${head.forwardedFor}, ${address}` : address)
  headers.push('X-Forwarded-Proto', client.proto)
  headers.push('X-Forwarded-Host', (peer.trusted && head.forwardedHost) || host)
  if (principal !== undefined) {
    headers.push('X-Forwarded-User', headerText(principal.name))
    if (principal.groups.length > 0) headers.push('X-Forwarded-Groups', groupsText(principal.groups))
  }
  return headers
}

/** 102 Processing and 103 Early Hints; the client has asked for 100 at another place. */
function inform({ response, request }: Exchange, status: number, raw: Buffer[]): void {
  if (request.httpVersion === '1.0') return
  if (status === 102) response.writeProcessing()
  if (status !== 103) return
  const hints: Record<string, string[]> = {}
  for (const [name, value] of pairs(new ResponseHead(raw).endToEnd)) {
    const lower = name.toLowerCase()
    const values = lower === 'link' ? (value.match(LINKS) ?? []) : [value]
    hints[lower] = [...(hints[lower] ?? []), ...values.map((each) => each.trim())]
  }
  try {
    if (hints.link) response.writeEarlyHints(hints)
  } catch {
    // Node is strict about them. They are hints only, and the response comes all the same.
  }
}

/** Each of a list of links (RFC 8288, section 3); commas in targets and quotes are none of the list's. */
const LINKS = /<[^>]*>(?:[^,"]|"[^"]*")*/g

function pairs(headers: readonly string[]): [string, string][] {
  const all: [string, string][] = []
  for (let i = 0; i < headers.length; i += 2) all.push([headers[i] as string, headers[i + 1] as string])
  return all
}

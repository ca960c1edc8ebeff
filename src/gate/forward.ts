import type { Principal } from '../auth/principal.js'
import type { ClientConnection, ClientError, ResponseSink } from '../http1/client-connection.js'
import type { Fields } from '../http1/fields.js'
import { CHUNKED, type Length, UNTIL_CLOSE } from '../http1/framing.js'
import type { ResponseHead } from '../http1/head.js'
import { dateLine } from '../http1/serializer.js'
import type { Log } from '../operations/log.js'
import { responseLines, trailerLines } from '../upstream/headers.js'
import { isHostRejection, MlflowHints } from '../upstream/mlflow-hints.js'
import type { Upstream, UpstreamRequest } from '../upstream/upstream.js'
import type { BodyConsumer, Exchange, ResponseProducer } from './exchange.js'
import type { Handler } from './extension-points.js'
import type { PageScript } from './page-script.js'
import { HeaderFilter } from './removed-headers.js'
import { type Reply, replies } from './replies.js'
import { groupsText, headerText } from './request-headers.js'
import type { Rules } from './rules.js'
import { Tunnel } from './tunnel.js'
import { type UpstreamNames, withoutAuthority } from './upstream-name.js'

export interface ForwardOptions {
  readonly upstream: Upstream
  /** Host and Origin for the upstream. */
  readonly names: UpstreamNames
  readonly rules: Rules
  readonly log: Log
  /** Decides which client headers reach the upstream. */
  readonly filter?: HeaderFilter
  /** Added to the application's pages. Default: nothing is. */
  readonly pageScript?: PageScript | undefined
}

/** Creates the handler that forwards requests to the upstream and its responses to the client. */
export function createForward({
  upstream,
  names,
  rules,
  log,
  filter = new HeaderFilter(),
  pageScript,
}: ForwardOptions): Handler {
  const hints = new MlflowHints()
  return (exchange, principal) => {
    const { method, target, length } = exchange
    if (!upstream.contains(target)) {
      exchange.reply(replies.badRequest)
      return
    }
    const script = pageScript?.concerns(exchange) ? pageScript : undefined
    const lines = upstreamLines(exchange, principal, names, rules, upstream.authority)
    const relay = new Relay(
      exchange,
      { method, target, lines: script ? script.requestLines(lines) : lines, length },
      { upstream, names, filter, log, hints },
      script,
    )
    relay.send()
  }
}

/** Idempotent methods: retried if a kept-alive connection turns out to be closed (RFC 9110, section 9.2.2). */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'REPORT', 'SEARCH'])

/** Shared by all relays. */
interface Tools {
  readonly upstream: Upstream
  readonly names: UpstreamNames
  readonly filter: HeaderFilter
  readonly log: Log
  readonly hints: MlflowHints
}

/** Relays one request to the upstream, and its response to the client. */
class Relay implements ResponseSink, BodyConsumer, ResponseProducer {
  readonly #exchange: Exchange
  readonly #request: UpstreamRequest
  readonly #tools: Tools
  /** The upstream connection; undefined when there is nothing more to send. */
  #connection: ClientConnection | undefined
  /** When the request was sent, by performance.now(). */
  #sent = 0
  #isRepeated = false
  #requestEnded = false
  #hasHead = false
  /** Whether the response is complete. */
  #ended = false
  #tunnel: Tunnel | undefined
  readonly #script: PageScript | undefined
  /** What follows the response's body. */
  #tail: Buffer | undefined

  constructor(exchange: Exchange, request: UpstreamRequest, tools: Tools, script?: PageScript) {
    this.#exchange = exchange
    this.#script = script
    this.#request = request
    this.#tools = tools
    this.#requestEnded = request.length === 0
  }

  send(): void {
    this.#sent = performance.now()
    this.#connection = this.#tools.upstream.send(this.#request, this, this.#isRepeated)
    if (this.#isRepeated) return
    this.#exchange.receive(this, this)
  }

  // The client's request.

  requestBody(bytes: Buffer): void {
    const connection = this.#connection
    if (connection === undefined || this.#tunnel?.isTerminating) return
    if (!connection.write(bytes)) this.#exchange.pauseBody()
  }

  requestEnd(trailers: Fields | undefined): void {
    const connection = this.#connection
    if (this.#requestEnded || connection === undefined || this.#tunnel?.isTerminating) return
    this.#requestEnded = true
    if (this.#ended) this.#connection = undefined
    connection.finish(trailerLines(trailers, (name) => this.#tools.filter.fate(name) === 'pass'))
  }

  requestBroken(): void {
    this.#connection?.abort()
    this.#connection = undefined
  }

  clientReady(): void {
    this.#connection?.resume()
  }

  abandon(): void {
    // After a complete response, the rest of the request may still be on its way.
    if (this.#ended) return
    this.#connection?.abort()
    this.#connection = undefined
  }

  // The upstream's response.

  inform({ status, reason, fields }: ResponseHead): void {
    if (!this.#exchange.interim(status, reason, fields.lines(isInterim))) this.#connection?.pause()
  }

  respond(head: ResponseHead): void {
    const exchange = this.#exchange
    const { status } = head
    exchange.upstreamResponded(performance.now() - this.#sent)
    if (status === 101) {
      this.#switchProtocols(head)
      return
    }
    this.#hasHead = true
    let lines = this.#withOwnLocation(responseLines(head), head)
    let length = announcedLength(head)
    this.#tail = this.#script?.tailOf(head)
    if (this.#script && this.#tail) {
      lines = this.#script.responseLines(lines)
      if (length > 0) length += this.#tail.length
    }
    const dated = head.fields.names.includes('date') ? lines : lines + dateLine()
    exchange.writeHead(status, head.reason, dated, length)
  }

  body(bytes: Buffer): void {
    const exchange = this.#exchange
    if (this.#tunnel) this.#tunnel.toClient(bytes)
    else {
      if (exchange.status === 403 && exchange.bytes === 0) this.#explain(bytes)
      if (!exchange.write(bytes)) this.#connection?.pause()
    }
  }

  end(trailers: Fields | undefined): void {
    this.#ended = true
    if (this.#requestEnded) this.#connection = undefined
    if (this.#tail) this.#exchange.write(this.#tail)
    this.#exchange.end(trailers && trailerLines(trailers, () => true))
  }

  drain(): void {
    this.#exchange.resumeBody()
  }

  failed(error: ClientError): void {
    this.#connection = undefined
    const exchange = this.#exchange
    // After a complete response, the rest of the request is read and dropped.
    if (this.#ended) exchange.dropBody()
    else if (error.isStale && !this.#isRepeated && this.#isRepeatable) {
      this.#isRepeated = true
      this.send()
    } else {
      const { method, path } = exchange
      this.#tools.log.event('error', `upstream: ${error.message}`, { method, path })
      if (this.#hasHead || this.#tunnel) exchange.abort()
      else exchange.reply(replyTo(error, this.#tools.upstream))
    }
  }

  get #isRepeatable(): boolean {
    return this.#request.length === 0 && REPEATABLE.has(this.#request.method)
  }

  #switchProtocols(head: ResponseHead): void {
    const exchange = this.#exchange
    const connection = this.#connection as ClientConnection
    if (exchange.upgrade === undefined) {
      connection.fail('protocol', 'it switched protocols without a request to')
      return
    }
    this.#requestEnded = false
    connection.tunnel()
    const tunnel = new Tunnel(exchange, connection)
    this.#tunnel = tunnel
    const upgrade = head.upgrade ?? exchange.upgrade
    exchange.switchProtocols(
      head.reason,
      `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n${responseLines(head)}`,
      tunnel,
    )
  }

  /** Makes redirects to the upstream's own host relative, since the client knows the gate by another name. */
  #withOwnLocation(lines: string, { status, fields }: ResponseHead): string {
    if (status < 201 || status > 399 || !fields.names.includes('location')) return lines
    const [, sent = ''] = /^Host: (.*)\r\n/.exec(this.#request.lines) ?? []
    return sent === this.#exchange.headers.host ? lines : withoutAuthority(lines, sent)
  }

  #explain(body: Buffer): void {
    if (isHostRejection(body)) this.#tools.names.rejected()
    const hint = this.#tools.hints.hintFor(body)
    if (hint !== undefined) this.#tools.log.event('warn', hint, { host: this.#exchange.headers.host ?? '' })
  }
}

const isInterim = (name: string): boolean =>
  name !== 'connection' && name !== 'content-length' && name !== 'transfer-encoding' && name !== 'keep-alive'

/** The length that a response's head announces, even if no body follows, as for HEAD. */
function announcedLength({ length, contentLengths, contentLength, transferEncodings }: ResponseHead): Length {
  if (length !== 0) return length
  if (contentLengths > 0) return Number(contentLength)
  return transferEncodings > 0 ? CHUNKED : UNTIL_CLOSE
}

function replyTo({ failure }: ClientError, { timeout, connectTimeout }: Upstream): Reply {
  switch (failure) {
    case 'connect-timeout':
      return replies.upstreamSilent(connectTimeout / 1000)
    case 'timeout':
      return replies.upstreamSilent(timeout / 1000)
    case 'protocol':
      return replies.upstreamInvalid
    case 'unreachable':
    case 'closed':
      return replies.upstreamDown
  }
}

/** Header lines for the upstream: the client's, and the gate's own about client and principal. */
function upstreamLines(
  exchange: Exchange,
  principal: Principal | undefined,
  names: UpstreamNames,
  rules: Rules,
  authority: string,
): string {
  const { headers, peer, client, upgrade } = exchange
  const { host = authority, origin, overrides } = headers
  const name = names.for(host, origin, origin !== undefined && rules.isOwnPage(exchange))
  let lines = `Host: ${name.host}\r\n${headers.lines}`
  if (name.origin !== undefined) lines += `Origin: ${name.origin}\r\n`
  if (overrides.length > 0) {
    const kept = rules.overridesOf(exchange)
    for (let i = 0; i < kept.length; i += 2) lines += `${kept[i]}: ${kept[i + 1]}\r\n`
  }
  if (headers.acceptsTrailers) lines += 'TE: trailers\r\n'
  if (exchange.awaitsContinue) lines += 'Expect: 100-continue\r\n'
  lines +=
    upgrade === undefined ? 'Connection: keep-alive\r\n' : `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`
  if (!rules.identifies(exchange)) return lines
  const { address } = peer
  const forwardedFor = headers.forwardedFor ? `${headers.forwardedFor}, ${address}` : address
  const forwardedHost = (peer.trusted && headers.forwardedHost) || host
  lines +=
    `X-Real-IP: ${client.address}\r\nX-Forwarded-For: ${forwardedFor}\r\n` +
    `X-Forwarded-Proto: ${client.proto}\r\nX-Forwarded-Host: ${forwardedHost}\r\n`
  return principal === undefined ? lines : lines + identityLines(principal)
}

/** Header lines that identify the principal to the upstream or a proxy. */
export function identityLines({ name, groups }: Principal): string {
  const lines = `X-Forwarded-User: ${headerText(name)}\r\n`
  return groups.length > 0 ? `${lines}X-Forwarded-Groups: ${groupsText(groups)}\r\n` : lines
}

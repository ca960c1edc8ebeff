import type { Duplex } from 'node:stream'
import type { Principal } from '../auth/principal.js'
import type { Log } from '../operations/log.js'
import { isHostRejection, MlflowHints } from '../upstream/mlflow-hints.js'
import type { ResponseSink, Upstream, UpstreamFailure } from '../upstream/upstream.js'
import type { Exchange } from './exchange.js'
import type { Handler } from './extension-points.js'
import { type Reply, replies } from './replies.js'
import { groupsText, headerText } from './request-headers.js'
import type { Rules } from './rules.js'
import { Tunnel } from './tunnel.js'
import type { UpstreamNames } from './upstream-name.js'

export interface ForwardOptions {
  readonly upstream: Upstream
  /** What the upstream is called. */
  readonly names: UpstreamNames
  readonly rules: Rules
  readonly log: Log
}

/** Sends requests to the upstream, and its responses to the client. */
export function createForward({ upstream, names, rules, log }: ForwardOptions): Handler {
  const hints = new MlflowHints()
  return (exchange, principal) => {
    const request = {
      method: exchange.method,
      target: exchange.target,
      headers: upstreamHeaders(exchange, principal, names, rules, upstream.authority),
      body: exchange.body(),
      upgrade: exchange.upgrade,
    }
    exchange.onAbandon(upstream.send(request, new Relay(exchange, log, hints, names)))
  }
}

/** The response to one request on its way to the client. */
class Relay implements ResponseSink {
  readonly #exchange: Exchange
  readonly #log: Log
  readonly #hints: MlflowHints
  readonly #names: UpstreamNames
  /** When the request was sent. */
  #sent = performance.now()
  #hasHead = false
  #ended = false
  /** Bytes of the body that are still to come, where that is known. */
  #left: number | undefined

  constructor(exchange: Exchange, log: Log, hints: MlflowHints, names: UpstreamNames) {
    this.#exchange = exchange
    this.#log = log
    this.#hints = hints
    this.#names = names
  }

  sending(): void {
    this.#sent = performance.now()
    this.#exchange.continue()
  }

  interim(status: number, headers: string[]): void {
    this.#exchange.interim(status, headers)
  }

  head(status: number, reason: string, headers: string[], length: number | undefined): void {
    this.#hasHead = true
    this.#exchange.upstreamAnswered(performance.now() - this.#sent)
    this.#left = length
    this.#exchange.writeHead(status, reason, headers, length)
  }

  data(chunk: Buffer, resume: () => void): boolean {
    if (this.#exchange.status === 403 && this.#exchange.bytes === 0) this.#explain(chunk)
    if (this.#left !== undefined) this.#left -= chunk.length
    if (this.#left !== 0) return this.#exchange.write(chunk, resume)
    // In one write with its end.
    this.#ended = true
    this.#exchange.end(chunk)
    return true
  }

  end(trailers: string[]): void {
    if (!this.#ended) this.#exchange.end(undefined, trailers)
  }

  tunnel(_status: number, headers: string[], socket: Duplex): void {
    this.#exchange.upstreamAnswered(performance.now() - this.#sent)
    const client = this.#exchange.switchProtocols(headers)
    this.#exchange.attach(new Tunnel(client, socket, (bytes) => this.#exchange.count(bytes)))
  }

  fail(failure: UpstreamFailure): void {
    const { method, path } = this.#exchange
    if (failure.kind !== 'bad-request')
      this.#log.event('error', `upstream: ${failure.message}`, { method, path })
    if (this.#hasHead) this.#exchange.abort()
    else this.#exchange.reply(replyTo(failure))
  }

  #explain(body: Buffer): void {
    if (isHostRejection(body)) this.#names.rejected()
    const hint = this.#hints.hintFor(body)
    if (hint !== undefined) this.#log.event('warn', hint, { host: this.#exchange.headers.host ?? '' })
  }
}

function replyTo({ kind, waited = 0 }: UpstreamFailure): Reply {
  if (kind === 'bad-request') return replies.badRequest
  return kind === 'timeout' ? replies.upstreamSilent(waited / 1000) : replies.upstreamDown
}

/** The client's headers, and what the upstream is told about the client and the principal. */
function upstreamHeaders(
  exchange: Exchange,
  principal: Principal | undefined,
  names: UpstreamNames,
  rules: Rules,
  authority: string,
): string[] {
  const { headers, peer, client } = exchange
  const list = headers.endToEnd
  const { host = authority, origin, overrides } = headers
  const name = names.for(host, origin, origin !== undefined && rules.isOwnPage(exchange))
  list.push('Host', name.host)
  if (name.origin !== undefined) list.push('Origin', name.origin)
  if (overrides.length > 0) list.push(...rules.overridesOf(exchange))
  if (headers.acceptsTrailers) list.push('TE', 'trailers')
  if (!rules.identifies(exchange)) return list
  const { address } = peer
  list.push('X-Real-IP', client.address)
  list.push('X-Forwarded-For', headers.forwardedFor ? `${headers.forwardedFor}, ${address}` : address)
  list.push('X-Forwarded-Proto', client.proto)
  list.push('X-Forwarded-Host', (peer.trusted && headers.forwardedHost) || host)
  if (principal !== undefined) list.push(...identityHeaders(principal))
  return list
}

/** Who the principal is, for an upstream or a proxy. */
export function identityHeaders({ name, groups }: Principal): string[] {
  const headers = ['X-Forwarded-User', headerText(name)]
  if (groups.length > 0) headers.push('X-Forwarded-Groups', groupsText(groups))
  return headers
}

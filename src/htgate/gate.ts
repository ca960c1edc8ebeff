import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Authenticator, Verdict } from '../auth/authenticator.js'
import { clientOf, type Peer, peerOf, type TrustedProxies } from './client.js'
import { Exchange } from './exchange.js'
import { RequestHead } from './head.js'
import type { Log } from './log.js'
import { type Reply, replies } from './replies.js'

/** Where a request goes once it is known who sent it. */
export type Inside = (exchange: Exchange) => void

/** Stands between the servers and what is inside: asks who it is, turns away or lets pass, and writes the log. */
export class Gate {
  /** From now on every response closes its connection. */
  draining = false
  readonly tunnels = new Set<Duplex>()
  readonly #peers = new WeakMap<Socket, Peer>()
  readonly #authenticator: Authenticator
  readonly #trust: TrustedProxies
  readonly #log: Log
  readonly #inside: Inside

  constructor(authenticator: Authenticator, trust: TrustedProxies, log: Log, inside: Inside) {
    this.#authenticator = authenticator
    this.#trust = trust
    this.#log = log
    this.#inside = inside
  }

  readonly onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    this.#admit(this.#open(request, response))
  }

  readonly onUpgrade = (request: IncomingMessage, socket: Duplex, first: Buffer): void => {
    socket.on('error', () => socket.destroy())
    if (first.length > 0) socket.unshift(first)
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as Socket)
    response.on('finish', () => (socket as Socket).destroySoon())
    this.tunnels.add(socket)
    socket.on('close', () => this.tunnels.delete(socket))
    const exchange = this.#open(request, response)
    exchange.tunnel = socket
    this.#admit(exchange)
  }

  #open(request: IncomingMessage, response: ServerResponse): Exchange {
    const { socket } = request
    let peer = this.#peers.get(socket)
    if (peer === undefined) {
      peer = peerOf(socket, this.#trust)
      this.#peers.set(socket, peer)
    }
    const head = new RequestHead(request.rawHeaders)
    const exchange = new Exchange(request, response, head, peer, clientOf(peer, head, this.#trust))
    if (this.draining) response.shouldKeepAlive = false
    response.on('close', () => this.#log.access(exchange, exchange.status ?? CLIENT_WENT_AWAY))
    return exchange
  }

  #admit(exchange: Exchange): void {
    const verdict = this.#authenticator.authenticate(exchange.head.authorization, exchange.client.address)
    if (verdict instanceof Promise) void verdict.then((verdict) => this.#act(exchange, verdict))
    else this.#act(exchange, verdict)
  }

  #act(exchange: Exchange, verdict: Verdict): void {
    exchange.user = verdict.user
    if (exchange.response.destroyed) return
    const refusal = verdict.ok ? flawOf(exchange) : this.#refusal(verdict)
    if (refusal) exchange.reply(refusal)
    else this.#inside(exchange)
  }

  #refusal(verdict: Verdict & { ok: false }): Reply {
    const { realm } = this.#authenticator
    switch (verdict.reason) {
      case 'no-credentials':
        return replies.loginNeeded(realm)
      case 'malformed':
        return replies.malformed(realm)
      case 'denied':
        return replies.loginFailed(realm)
      case 'busy':
        return replies.busy
      case 'unavailable':
        return replies.noPasswordFile
    }
  }
}

/** nginx's status for a client that did not wait for its response; it stands in the log alone. */
const CLIENT_WENT_AWAY = 499

/** What is wrong with a request that is not handed on; undefined if nothing is. */
function flawOf({ head, target }: Exchange): Reply | undefined {
  if (head.invalid === 'transfer-encoding') return replies.unknownCoding
  if (head.invalid || head.host === undefined) return replies.badRequest
  if (head.expect !== undefined && head.expect.toLowerCase() !== '100-continue')
    return replies.unknownExpectation
  if (!target.startsWith('/')) return replies.badRequest
  return undefined
}

import { timingSafeEqual } from 'node:crypto'
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Authorization, parseAuthorization } from '../auth/authorization.js'
import type { LoginPipeline, LoginVerdict } from '../auth/login-pipeline.js'
import type { Principal } from '../auth/principal.js'
import type { Log } from '../operations/log.js'
import type { Metrics } from '../operations/metrics.js'
import { clientOf, type Peer, peerOf, type TrustedProxies } from './client-address.js'
import { Exchange } from './exchange.js'
import { askedAbout } from './forward-auth.js'
import { originForm, RequestHead } from './headers.js'
import { type Reply, replies } from './replies.js'
import type { Rules } from './rules.js'
import { ignoreUpgrade, isWebSocket } from './upgrade.js'

/** Where a request goes once it is known who sent it. */
export type Inside = (exchange: Exchange) => void

type Outcome =
  | LoginVerdict
  | { readonly ok: false; readonly reason: 'malformed'; readonly candidate?: string }

/** What is known of a connection. */
interface Connection {
  readonly peer: Peer
  /** What is not over. */
  readonly exchanges: Set<Exchange>
  /** Whom its last request was let in as. */
  pass: Pass | undefined
}

/**
 * A client sends the same header with each request; to look at it again, within so short a time, tells nothing new. On
 * a connection from a proxy, the next request may be another client's.
 */
interface Pass {
  readonly authorization: Buffer
  readonly principal: Principal
  readonly until: number
  readonly epoch: number
}

/** Milliseconds. */
const PASS_LIFETIME = 1000

/** Stands between the servers and what is inside: asks who it is, turns away or lets pass, and writes the log. */
export class Gate {
  /** Whether it is proxies that ask, about requests of theirs. */
  asks = false
  /** From now on every response closes its connection. */
  draining = false
  readonly tunnels = new Set<Duplex>()
  readonly #connections = new Map<Socket, Connection>()
  #epoch = 0

  constructor(
    readonly realm: string,
    readonly rules: Rules,
    readonly logins: LoginPipeline,
    readonly trust: TrustedProxies,
    readonly log: Log,
    readonly metrics: Metrics,
    readonly inside: Inside,
  ) {}

  /** To be called when the password file has changed: everybody is looked at again. */
  changed(): void {
    this.#epoch++
  }

  /** Closes the connections on which nothing is under way. */
  closeIdle(): void {
    for (const [socket, { exchanges }] of this.#connections) if (exchanges.size === 0) socket.destroySoon()
  }

  readonly onConnection = (socket: Socket): void => {
    this.#connectionOf(socket)
  }

  readonly onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    this.#open(request, response, undefined)
  }

  readonly onUpgrade = (request: IncomingMessage, socket: Duplex, first: Buffer): void => {
    // Pipelined behind a request that is not answered yet: nobody does that, but to find out what happens.
    if (this.#connectionOf(request.socket).exchanges.size > 0) {
      socket.destroy()
      return
    }
    if (!isWebSocket(request)) {
      ignoreUpgrade(request, socket, first)
      return
    }
    socket.on('error', () => socket.destroy())
    if (first.length > 0) socket.unshift(first)
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as Socket)
    response.on('finish', () => (socket as Socket).destroySoon())
    this.tunnels.add(socket)
    socket.on('close', () => this.tunnels.delete(socket))
    this.#open(request, response, socket)
  }

  /** Counts what was answered `status` because it is no request that can be read. */
  unreadable(status: number, socket: Duplex): void {
    this.metrics.add(status, 0, 0)
    this.log.unreadable(this.#connectionOf(socket as Socket).peer.address, status)
  }

  #open(request: IncomingMessage, response: ServerResponse, tunnel: Duplex | undefined): void {
    const connection = this.#connectionOf(request.socket)
    const { peer } = connection
    const head = new RequestHead(request.rawHeaders)
    originForm(request, head)
    const exchange = new Exchange(request, response, head, peer, clientOf(peer, head, this.trust), tunnel)
    if (this.asks && peer.trusted) {
      exchange.asked = askedAbout(exchange.method, exchange.target, request.headers)
    }
    if (this.draining) response.shouldKeepAlive = false
    this.metrics.inProgress++
    connection.exchanges.add(exchange)
    response.on('close', () => this.#over(exchange, connection))
    response.on('error', () => exchange.breakOff())
    if (this.rules.isOpen(exchange)) this.#letIn(exchange, undefined)
    else {
      this.rules.findLogin(exchange)
      this.#admit(exchange, connection)
    }
  }

  #over(exchange: Exchange, connection: Connection): void {
    if (!connection.exchanges.delete(exchange)) return
    exchange.onOver?.()
    const { status = CLIENT_WENT_AWAY, started, bytes } = exchange
    const ms = performance.now() - started
    this.metrics.inProgress--
    this.metrics.add(status, ms, bytes, exchange.reason)
    this.log.access(exchange, status, ms)
  }

  #connectionOf(socket: Socket): Connection {
    let connection = this.#connections.get(socket)
    if (connection === undefined) {
      const exchanges = new Set<Exchange>()
      connection = { peer: peerOf(socket, this.trust), exchanges, pass: undefined }
      this.#connections.set(socket, connection)
      // Node tells it to the one response whose turn it is, and not to those that are pipelined behind.
      socket.on('close', () => {
        this.#connections.delete(socket)
        for (const { response } of exchanges) response.destroy().emit('close')
      })
    }
    return connection
  }

  #admit(exchange: Exchange, connection: Connection): void {
    const { pass } = connection
    const { authorization } = exchange.head
    if (
      pass !== undefined &&
      pass.until > exchange.started &&
      pass.epoch === this.#epoch &&
      isSame(pass.authorization, authorization)
    ) {
      this.logins.countRemembered(pass.principal)
      this.#letIn(exchange, pass.principal)
      return
    }
    const outcome = this.#judge(authorization, exchange)
    if (outcome instanceof Promise) void outcome.then((outcome) => this.#act(exchange, connection, outcome))
    else this.#act(exchange, connection, outcome)
  }

  #judge(authorization: Authorization, { client, response }: Exchange): Outcome | Promise<Outcome> {
    const credential = parseAuthorization(authorization)
    if (typeof credential === 'string') {
      this.logins.countRefusal(credential)
      return { ok: false, reason: credential }
    }
    const known = this.logins.remembered(credential)
    if (known) return known
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    return this.logins.login(credential, client.address, gone.signal)
  }

  #act(exchange: Exchange, connection: Connection, outcome: Outcome): void {
    if (outcome.ok) {
      connection.pass = {
        authorization: Buffer.from(exchange.head.authorization as string, 'latin1'),
        principal: outcome.principal,
        until: exchange.started + PASS_LIFETIME,
        epoch: this.#epoch,
      }
      this.#letIn(exchange, outcome.principal)
    } else {
      connection.pass = undefined
      exchange.user = outcome.candidate
      exchange.reason = outcome.reason
      exchange.reply(refusal(outcome, this.realm))
    }
  }

  /** Undefined: a request that needs no login. */
  #letIn(exchange: Exchange, principal: Principal | undefined): void {
    exchange.user = principal?.name
    exchange.principal = principal
    if (exchange.response.destroyed) return
    const flaw = flawOf(exchange)
    if (flaw) {
      exchange.reason = 'bad-request'
      exchange.reply(flaw)
      return
    }
    const denial = principal && this.rules.denial(exchange, principal)
    if (denial === undefined) {
      this.inside(exchange)
      return
    }
    exchange.reason = denial.reason
    exchange.missingRole = denial.role
    exchange.reply(denial.reply)
  }
}

/** How long it takes tells nothing of what is in them. */
function isSame(known: Buffer, authorization: Authorization): boolean {
  if (typeof authorization !== 'string' || authorization.length !== known.length) return false
  return timingSafeEqual(known, Buffer.from(authorization, 'latin1'))
}

/** nginx's status for a client that did not wait for its response; it stands in the log alone. */
const CLIENT_WENT_AWAY = 499

function refusal(outcome: Outcome & { ok: false }, realm: string): Reply {
  switch (outcome.reason) {
    case 'no-credentials':
      return replies.loginNeeded(realm)
    case 'malformed':
      return replies.malformed(realm)
    case 'denied':
      return replies.loginFailed(realm)
    case 'limited':
      return replies.tooManyFailures(outcome.retryAfter ?? 1)
    case 'busy':
      return replies.busy
    case 'unavailable':
      return replies.noPasswordFile
  }
}

/** What is wrong with a request that is not handed on; undefined if nothing is. */
function flawOf({ head, request, target }: Exchange): Reply | undefined {
  if (head.invalid === 'transfer-encoding') return replies.unknownCoding
  if (head.invalid || !target.startsWith('/')) return replies.badRequest
  // HTTP/1.0 knows no Host, and load balancers ask after one's health by it.
  if (head.host === undefined && request.httpVersion !== '1.0') return replies.badRequest
  if (head.expect !== undefined && head.expect.toLowerCase() !== '100-continue') {
    return replies.unknownExpectation
  }
  return undefined
}

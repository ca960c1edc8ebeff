import { parseAuthorization } from '../auth/authorization.js'
import { challenge } from '../auth/challenge.js'
import type { Credential } from '../auth/credential.js'
import type { LoginPipeline, LoginVerdict, Refusal } from '../auth/login-pipeline.js'
import type { Principal } from '../auth/principal.js'
import type { Log } from '../operations/log.js'
import type { RequestMetrics } from '../operations/metrics.js'
import type { Peer } from './client-address.js'
import type { Connection } from './connections.js'
import { type CredentialFault, faultOf } from './credential-faults.js'
import { type Exchange, type ExchangeObserver, pathOf } from './exchange.js'
import type { CredentialSource, Handler, Pages, Subject } from './extension-points.js'
import { isQuestion, originalRequest } from './forward-auth.js'
import { type OpenRequest, OpenRequests } from './open-requests.js'
import { RememberedLogin } from './remembered-login.js'
import { type LoginWords, type Reply, replies } from './replies.js'
import type { Rules } from './rules.js'

export interface Challenges {
  readonly all: readonly string[]
  /** Challenges for which browsers show no dialog. The same as `all` if there is no other way to log in with a browser. */
  readonly quiet: readonly string[]
}

export interface GateOptions {
  readonly realm: string
  /** The challenges in `WWW-Authenticate`. Default: HTTP Basic. */
  readonly challenges?: Challenges
  readonly logins: LoginPipeline
  readonly rules: Rules
  readonly handler: Handler
  readonly log: Log
  readonly metrics: RequestMetrics
  /** Whether proxies ask about their clients' requests. Default: false. */
  readonly forwardAuth?: boolean
  /** Tried in order if there is no `Authorization` header. Default: none. */
  readonly credentialSources?: readonly CredentialSource[] | undefined
  /** Default: none. */
  readonly pages?: Pages | undefined
  /** Whether a connection may send requests at all. Default: all may. */
  readonly admits?: ((peer: Peer) => boolean) | undefined
}

/** A request on its way through the gate, and what is known of it so far. */
class Passage implements OpenRequest, ExchangeObserver {
  credential: Credential | undefined
  principal: Principal | undefined
  /** The principal's name, or the claimed user name. */
  user: string | undefined
  /** The provider that verified the principal. */
  provider: string | undefined
  /** How the principal was authenticated. */
  via: string | undefined
  /** Why the request was refused or ended: the `reason` of log and metrics. */
  reason: string | undefined
  missingRole: string | undefined
  place = -1
  /** Aborts if the client disconnects while a provider verifies. */
  gone: AbortController | undefined

  constructor(
    readonly exchange: Exchange,
    readonly connection: Connection,
    readonly subject: Subject,
    readonly finish: (passage: Passage) => void,
  ) {}

  closed(): void {
    this.finish(this)
  }
}

/**
 * The pipeline of every request: credential, principal, policy, upstream, access log. CONTRIBUTING.md has a diagram.
 */
export class Gate {
  readonly #challenges: Challenges
  readonly #profile: LoginWords['profile']
  readonly #logins: LoginPipeline
  readonly #handler: Handler
  readonly #log: Log
  readonly #metrics: RequestMetrics
  readonly #forwardAuth: boolean
  readonly #rules: Rules
  readonly #sources: readonly CredentialSource[]
  readonly #pages: Pages | undefined
  readonly #admits: (peer: Peer) => boolean
  readonly #open: OpenRequests

  constructor(options: GateOptions) {
    const { realm, logins, rules, handler, log, metrics } = options
    this.#challenges = options.challenges ?? { all: [challenge(realm)], quiet: [challenge(realm)] }
    this.#profile = rules.policy.profile
    this.#logins = logins
    this.#handler = handler
    this.#log = log
    this.#metrics = metrics
    this.#forwardAuth = options.forwardAuth ?? false
    this.#rules = rules
    this.#sources = options.credentialSources ?? []
    this.#pages = options.pages
    this.#admits = options.admits ?? (() => true)
    this.#open = new OpenRequests({
      recheck: (credential, principal, client) => logins.recheck(credential, principal, client),
      denial: (exchange, subject, principal) => rules.denial(exchange, subject, principal),
      revoked: replies.loginEnded({ challenges: this.#challenges.all, profile: this.#profile }),
    })
    logins.onChange(() => this.recheck())
  }

  /** Makes an error body that the application's clients understand. */
  get errorBody(): LoginWords['profile']['errorBody'] {
    return this.#profile.errorBody
  }

  /** Handles a request. */
  readonly handle = (exchange: Exchange, connection: Connection): void => {
    const passage = new Passage(exchange, connection, this.#subjectOf(exchange), this.#finish)
    exchange.errorBody = this.#profile.errorBody
    this.#metrics.begin()
    exchange.observe(passage)
    if (!this.#admits(exchange.peer)) {
      passage.reason = 'certificate-revoked'
      exchange.reply(replies.certificateRevoked)
    } else if (this.#pages?.owns(exchange.path) && !(this.#forwardAuth && isQuestion(exchange)))
      this.#showPage(passage, this.#pages)
    else if (this.#rules.isOpen(exchange, passage.subject)) this.#letIn(passage)
    else {
      this.#rules.findLogin(exchange)
      this.#identify(passage)
    }
  }

  /**
   * Judges the requests in progress again. This happens by itself when a login may have been revoked; call it when rules,
   * groups or roles have changed.
   */
  recheck(): void {
    this.#open.recheck()
  }

  /** Counts and logs a message that is not a valid request, and got the response `status`. */
  unreadable(client: string, status: number, reason = 'bad-request'): void {
    this.#metrics.unreadable(status, reason)
    this.#log.access({ client, status, bytes: 0, ms: 0, ...UNREADABLE, reason })
  }

  #subjectOf(exchange: Exchange): Subject {
    const { method, target, upgrade } = exchange
    const own = { method, target, upgrade: upgrade !== undefined, isKnown: !this.#forwardAuth }
    const original = this.#forwardAuth && exchange.peer.trusted ? originalRequest(exchange) : undefined
    return original ? { ...own, method: original.method, target: original.target, isKnown: true } : own
  }

  #showPage(passage: Passage, pages: Pages): void {
    if (this.#isSound(passage)) pages.handle(passage.exchange)
  }

  /** Finds out who sent the request. */
  #identify(passage: Passage): void {
    const { exchange, connection } = passage
    const { authorization } = exchange.headers
    const { login } = connection
    const shown = authorization ?? sessionShown(exchange)
    const isSession = authorization === undefined
    if (
      login?.holds(shown, this.#logins.epoch, exchange.started) &&
      (login.credential.kind === 'session') === isSession
    ) {
      this.#logins.countRemembered(login.principal)
      this.#admit(passage, login.credential, login.principal)
      return
    }
    connection.login = undefined
    const presented = parseAuthorization(authorization)
    const credential = presented === 'no-credentials' ? this.#findCredential(exchange) : presented
    if (typeof credential === 'string') {
      this.#logins.countRefusal(credential)
      this.#refuse(passage, { ok: false, reason: credential })
      return
    }
    const epoch = this.#logins.epoch
    const verdict = this.#logins.remembered(credential) ?? this.#verify(passage, credential)
    const act = (verdict: LoginVerdict) => {
      if (!verdict.ok) return this.#refuse(passage, verdict)
      if (
        typeof shown === 'string' &&
        (isSession ? credential.kind === 'session' : credential === presented)
      ) {
        connection.login = new RememberedLogin(shown, credential, verdict.principal, epoch, exchange.started)
      }
      this.#admit(passage, credential, verdict.principal)
    }
    if (verdict instanceof Promise) void verdict.then(act)
    else act(verdict)
  }

  /** Finds a credential outside of `Authorization`. */
  #findCredential(exchange: Exchange): Credential | 'no-credentials' {
    for (const source of this.#sources) {
      const found = source(exchange)
      if (found) return found
    }
    return 'no-credentials'
  }

  /** Verifies a credential, unless the client disconnects first. */
  #verify(passage: Passage, credential: Credential): LoginVerdict | Promise<LoginVerdict> {
    const { exchange } = passage
    passage.gone = new AbortController()
    if (exchange.isClosed) passage.gone.abort()
    return this.#logins.login(credential, exchange.client.address, passage.gone.signal)
  }

  #refuse(
    passage: Passage,
    refusal: { ok: false; reason: RefusalReason; candidate?: string; retryAfter?: number },
  ): void {
    const { exchange } = passage
    const { reason, candidate, retryAfter } = refusal
    passage.user = candidate
    passage.reason = reason
    const isLogin = reason === 'no-credentials' || reason === 'malformed' || reason === 'denied'
    const challenge = isLogin ? this.#pages?.challenge(exchange, passage.subject) : undefined
    exchange.reply(
      challenge ??
        replyTo(reason, this.#wordsFor(exchange), faultOf(exchange.headers.authorization), retryAfter),
    )
  }

  /** If there is a login page, browsers should not show their own dialog, unless they have already sent a password. */
  #wordsFor({ headers }: Exchange): LoginWords {
    const isBrowser = headers.fetchDest !== undefined || /^Mozilla\//.test(headers.userAgent ?? '')
    const isQuiet = isBrowser && headers.authorization === undefined
    return { challenges: isQuiet ? this.#challenges.quiet : this.#challenges.all, profile: this.#profile }
  }

  /** Admits a request if its principal may send it. */
  #admit(passage: Passage, credential: Credential, principal: Principal): void {
    const { exchange, subject } = passage
    passage.user = principal.name
    passage.provider = principal.provider
    passage.via = principal.via ?? VIA[credential.kind]
    if (!this.#isSound(passage)) return
    const renewal = credential.kind === 'session' ? this.#pages?.renewal(exchange, subject) : undefined
    if (renewal) {
      exchange.reply(renewal)
      return
    }
    const denial = this.#rules.denial(exchange, subject, principal)
    if (denial) {
      passage.reason = denial.reason
      passage.missingRole = denial.role
      exchange.reply(denial.reply)
      return
    }
    this.#open.add(passage, credential, principal)
    this.#handler(exchange, principal)
  }

  /** Admits a request that needs no login. */
  #letIn(passage: Passage): void {
    if (this.#isSound(passage)) this.#handler(passage.exchange, undefined)
  }

  /** Whether a request can be forwarded, regardless of its sender. If not, responds to it. */
  #isSound(passage: Passage): boolean {
    if (passage.exchange.isClosed) return false
    const flaw = flawOf(passage.exchange)
    if (flaw === undefined) return true
    passage.reason = 'bad-request'
    passage.exchange.reply(flaw)
    return false
  }

  readonly #finish = (passage: Passage): void => {
    passage.gone?.abort()
    this.#open.remove(passage)
    const { exchange, subject, user, provider, via, reason, missingRole } = passage
    const { status = CLIENT_CLOSED_REQUEST, started, bytes, client, upstreamMs, headers } = exchange
    const ms = performance.now() - started
    this.#metrics.end(status, ms, bytes, reason)
    this.#log.access({
      user,
      client: client.address,
      method: subject.method,
      path: pathOf(subject.target),
      status,
      bytes,
      ms,
      upstreamMs,
      reason,
      provider,
      via,
      missingRole,
      userAgent: headers.userAgent,
    })
  }
}

/** All that a session depends on in a request: the cookies, and the site that they were sent to. No header has a line break. */
const sessionShown = ({ headers, client }: Exchange): string | undefined =>
  headers.cookie === undefined
    ? undefined
    : `${client.proto}\n${headers.host ?? ''}\n${headers.forwardedHost ?? ''}\n${headers.cookie}`

type RefusalReason = Refusal['reason'] | 'malformed'

/** The name of a login in the log, if its principal has none. */
const VIA: Readonly<Record<Credential['kind'], string>> = {
  basic: 'password',
  bearer: 'bearer',
  session: 'session',
  certificate: 'certificate',
}

/** The log fields that an invalid request lacks. */
const UNREADABLE = {
  user: undefined,
  method: undefined,
  path: undefined,
  upstreamMs: undefined,
  reason: undefined,
  provider: undefined,
  via: undefined,
  missingRole: undefined,
  userAgent: undefined,
}

/** nginx's status for a client that disconnected early; appears only in log and metrics. */
const CLIENT_CLOSED_REQUEST = 499
/** Seconds. */
const DEFAULT_RETRY_AFTER = 10

function replyTo(
  reason: RefusalReason,
  words: LoginWords,
  fault: CredentialFault | undefined,
  retryAfter = DEFAULT_RETRY_AFTER,
): Reply {
  switch (reason) {
    case 'no-credentials':
      return replies.loginNeeded(words)
    case 'malformed':
      return replies.malformed(words, fault)
    case 'denied':
      return replies.loginFailed(words, fault)
    case 'limited':
      return replies.tooManyFailures(words, retryAfter)
    case 'busy':
      return replies.busy
    case 'unavailable':
      return replies.unavailable
  }
}

/** Why a request cannot be forwarded, regardless of its sender; undefined if it can. */
function flawOf({ expect, target }: Exchange): Reply | undefined {
  if (!target.startsWith('/')) return replies.badRequest
  return expect === undefined || expect === '100-continue' ? undefined : replies.unknownExpectation
}

import { parseAuthorization } from '../../auth/authorization.js'
import type { Credential } from '../../auth/credential.js'
import type { LoginPipeline } from '../../auth/login-pipeline.js'
import { trimWhitespace } from '../../http1/grammar.js'
import type { Exchange } from '../exchange.js'
import type { CredentialSource, Pages as ExtensionPoint, Subject } from '../extension-points.js'
import { isQuestion } from '../forward-auth.js'
import { type LoginWords, type Reply, replies } from '../replies.js'
import type { PageLogin, PageRequest, PageResponse } from './page.js'
import type { Pages } from './pages.js'

// Connects the pages to exchanges: turns requests into what pages need, and their responses into replies.

const MAX_FORM = 16 * 1024
/** The headers in which nginx's configuration, and all others, send the original request. */
const NGINX_HEADERS = ['x-original-uri', 'x-original-url']
const OTHERS_HEADERS = ['x-forwarded-uri']

/** A login that failed for a reason other than its credential; `reply` says which. */
class Refused extends Error {
  override readonly name = 'Refused'
  constructor(readonly reply: Reply) {
    super(reply.code)
  }
}

export interface GatePagesOptions {
  readonly pages: Pages
  readonly logins: LoginPipeline
  /** Whether proxies ask about requests of their clients. */
  readonly forwardAuth: boolean
  /** How the application's clients log in, for messages. */
  readonly profile: LoginWords['profile']
  /** Sources of credentials besides `Authorization` and the session cookie. Default: none. */
  readonly sources?: readonly CredentialSource[]
  readonly onError: (error: Error) => void
}

export class GatePages implements ExtensionPoint {
  readonly #pages: Pages
  readonly #logins: LoginPipeline
  readonly #forwardAuth: boolean
  readonly #profile: LoginWords['profile']
  readonly #sources: readonly CredentialSource[]
  readonly #onError: (error: Error) => void

  constructor({ pages, logins, forwardAuth, profile, sources = [], onError }: GatePagesOptions) {
    this.#pages = pages
    this.#logins = logins
    this.#forwardAuth = forwardAuth
    this.#profile = profile
    this.#sources = [this.sessionOf, ...sources]
    this.#onError = onError
  }

  /** The session cookie of a request. */
  readonly sessionOf: CredentialSource = (exchange) => {
    const { cookie } = exchange.headers
    if (cookie === undefined) return undefined
    return this.#pages.sessionIn({ cookie, host: hostOf(exchange), proto: protoOf(exchange) })
  }

  owns(path: string): boolean {
    return this.#pages.owns(path)
  }

  handle(exchange: Exchange): void {
    this.#pages
      .answer(this.#requestOf(exchange))
      .then(replyOf)
      .catch((error: Error) => {
        if (error instanceof Refused) return error.reply
        this.#onError(error)
        return replies.unavailable
      })
      .then((reply) => exchange.reply(reply))
  }

  challenge(exchange: Exchange, subject: Subject): Reply | undefined {
    // A client that sent a password gets a 401 that says it is wrong.
    if (exchange.headers.authorization !== undefined) return undefined
    return this.#led(exchange, this.#pages.challenge(this.#requestOf(exchange, subject), subject.target))
  }

  renewal(exchange: Exchange, subject: Subject): Reply | undefined {
    return this.#led(exchange, this.#pages.renewal(this.#requestOf(exchange, subject), subject.target))
  }

  /** nginx's auth_request accepts no redirects, so nginx gets a 401 with the Location. */
  #led({ headers }: Exchange, response: PageResponse | undefined): Reply | undefined {
    if (response === undefined) return undefined
    const has = (names: readonly string[]) => headers.valuesOf(names).length > 0
    const isNginx = has(NGINX_HEADERS) && !has(OTHERS_HEADERS)
    return replyOf(isNginx ? { ...response, status: 401 } : response)
  }

  #requestOf(exchange: Exchange, subject?: Subject): PageRequest {
    const { headers, target } = exchange
    const query = target.indexOf('?')
    return {
      method: subject?.method ?? exchange.method,
      path: exchange.path,
      query: query === -1 ? '' : target.slice(query + 1),
      host: hostOf(exchange),
      proto: protoOf(exchange),
      isAsked:
        this.#forwardAuth &&
        exchange.peer.trusted &&
        headers.forwardedHost !== undefined &&
        isQuestion(exchange),
      cookie: headers.cookie,
      accept: headers.accept,
      origin: headers.origin,
      fetchSite: headers.fetchSite,
      fetchMode: headers.fetchMode,
      fetchDest: headers.fetchDest,
      form: () => formOf(exchange),
      login: () => this.#login(exchange),
    }
  }

  #credentialOf(exchange: Exchange): Credential | undefined {
    const presented = parseAuthorization(exchange.headers.authorization)
    if (typeof presented !== 'string') return presented
    for (const source of presented === 'no-credentials' ? this.#sources : []) {
      const found = source(exchange)
      if (found) return found
    }
    return undefined
  }

  async #login(exchange: Exchange): Promise<PageLogin | undefined> {
    const credential = this.#credentialOf(exchange)
    if (credential === undefined) return undefined
    const verdict = await this.#logins.login(credential, exchange.client.address)
    if (verdict.ok) return { principal: verdict.principal, kind: credential.kind }
    const { reason, retryAfter } = verdict
    if (reason === 'limited')
      throw new Refused(replies.tooManyFailures({ challenges: [], profile: this.#profile }, retryAfter ?? 10))
    if (reason === 'busy') throw new Refused(replies.busy)
    if (reason === 'unavailable') throw new Refused(replies.unavailable)
    return undefined
  }
}

/** The host that the browser requested, from a trusted proxy if it has changed Host. */
export function hostOf({ headers, peer }: Pick<Exchange, 'headers' | 'peer'>): string | undefined {
  const [forwarded] = (peer.trusted && headers.forwardedHost?.split(',')) || []
  return forwarded === undefined ? headers.host : trimWhitespace(forwarded)
}

const protoOf = ({ client }: Exchange): 'http' | 'https' => (client.proto === 'https' ? 'https' : 'http')

/** Reads a form; rejects if it is too large or does not arrive. */
function formOf(exchange: Exchange): Promise<URLSearchParams> {
  if (!exchange.headers.hasBody) return Promise.resolve(new URLSearchParams())
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let length = 0
    exchange.receive({
      requestBody(bytes) {
        length += bytes.length
        if (length <= MAX_FORM) parts.push(Buffer.from(bytes))
        else reject(new RangeError('the form is too large'))
      },
      requestEnd: () => resolve(new URLSearchParams(Buffer.concat(parts).toString())),
      requestBroken: () => reject(new Error('the form did not arrive')),
      clientReady() {},
    })
  })
}

function replyOf({ status, headers, body }: PageResponse): Reply {
  return { status, code: '', title: '', message: '', headers, content: body }
}

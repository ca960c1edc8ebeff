import type { SessionCredential } from '../../auth/credential.js'
import type { Ending } from '../../auth/sessions/ended.js'
import type { Seals } from '../../auth/sessions/seal.js'
import { type AccountPages, isOwnForm } from './account.js'
import { cookieIn, sessionCookie } from './cookies.js'
import type { LoginPages } from './login.js'
import {
  htmlPage,
  isSameOrigin,
  json,
  type PageLogin,
  type PageRequest,
  type PageResponse,
  redirect,
} from './page.js'
import { returnPath } from './return-path.js'
import { loginScript, sessionScript } from './scripts.js'
import { BASE, siteOf } from './site.js'

// Routes requests under the gate's own path to pages.

export interface PagesOptions {
  /** Absent without an issuer. */
  readonly logins?: LoginPages | undefined
  readonly account: AccountPages
  readonly seals: () => Seals
  readonly redirectUrl?: URL | undefined
  /** The HTTP Basic challenge, if users have passwords. */
  readonly basicChallenge?: string | undefined
  /** Called with the sessions that were ended. */
  readonly onLogout: (ending: Ending) => void
}

/** Identifies a logged-in user, for the code in the user's forms. */
export const subjectOf = ({ principal: { provider, name } }: PageLogin): string => `${provider}\n${name}`

export class Pages {
  readonly #options: PagesOptions

  constructor(options: PagesOptions) {
    this.#options = options
  }

  /** Whether a path belongs to the gate itself. */
  readonly owns = (path: string): boolean =>
    path === BASE || path.startsWith(`${BASE}/`) || path === this.#options.redirectUrl?.pathname

  /** Whether a path is a step of a login or logout, and so not a page to return to. */
  readonly isLogin = (path: string): boolean => this.owns(path) && path !== `${BASE}/`

  /** The session cookie of a request, as a credential. */
  sessionIn(request: Pick<PageRequest, 'host' | 'proto' | 'cookie'>): SessionCredential | undefined {
    if (request.cookie === undefined || this.#options.logins === undefined) return undefined
    const site = siteOf(request, this.#options.redirectUrl)
    const value = site && cookieIn(request.cookie, sessionCookie(site.isSecure))
    // An expired session counts as no credential: the user just has to log in.
    return value && this.#options.logins.isSession(value) ? { kind: 'session', value } : undefined
  }

  /** The response to a request without a valid login, instead of 401; `target` is its path and query. */
  challenge(request: PageRequest, target: string): PageResponse | undefined {
    return this.#options.logins?.challenge(request, target)
  }

  /** The redirect that renews a valid session, if that is due. */
  renewal(request: PageRequest, target: string): PageResponse | undefined {
    return this.#options.logins?.renewal(request, target)
  }

  /** Responds to a request for one of the gate's own paths. */
  async answer(request: PageRequest): Promise<PageResponse> {
    const { logins, redirectUrl } = this.#options
    const { method, path } = request
    if (path === BASE) return redirect(`${BASE}/`)
    if (method === 'GET' || method === 'HEAD') {
      if (logins && path === (redirectUrl?.pathname ?? `${BASE}/callback`)) {
        return method === 'HEAD' ? notFound() : logins.finish(request)
      }
      switch (path) {
        case `${BASE}/`:
          return this.#show(request)
        case `${BASE}/password`:
          return this.#password(request)
        case `${BASE}/login`:
          if (logins) return logins.start(request)
          return this.#password(request)
        case `${BASE}/login.js`:
          return loginScript()
        case `${BASE}/session.js`:
          return sessionScript()
        case `${BASE}/session`:
          return json(200, { loggedIn: (await request.login()) !== undefined })
        case `${BASE}/logged-out`:
          if (logins) return logins.loggedOut()
      }
      return notFound()
    }
    if (method !== 'POST') return notAllowed()
    if (logins && path === `${BASE}/backchannel-logout`) {
      return logins.endByIssuer(request, this.#options.onLogout)
    }
    if ([`${BASE}/tokens`, `${BASE}/tokens/revoke`, `${BASE}/logout`].includes(path))
      return this.#post(request)
    return notFound()
  }

  async #show(request: PageRequest): Promise<PageResponse> {
    const login = await request.login()
    return login ? this.#options.account.show(login) : this.#loginNeeded(request)
  }

  async #post(request: PageRequest): Promise<PageResponse> {
    const { account, logins, seals, onLogout, redirectUrl } = this.#options
    const login = await request.login()
    if (login === undefined) return this.#loginNeeded(request)
    const form = await request.form().catch(() => new URLSearchParams())
    const isCode = (code: string) => seals().isFormCode(code, subjectOf(login))
    // A page of another site can make a browser send a form, but does not know the code.
    if (!isSameOrigin(request) || !isOwnForm(request, form, isCode)) return staleForm()
    if (request.path === `${BASE}/logout`) return logins?.logOut(request, onLogout) ?? notFound()
    if (request.path === `${BASE}/tokens/revoke`) return account.revoke(login, form)
    const site = siteOf(request, redirectUrl)
    return account.create(login, form, site?.origin ?? `${request.proto}://${request.host ?? 'localhost'}`)
  }

  /** Asks for a password with the browser's own dialog, and then starts a session, if there are sessions. */
  async #password(request: PageRequest): Promise<PageResponse> {
    const { basicChallenge, logins } = this.#options
    if (basicChallenge === undefined) return notFound()
    const login = await request.login()
    // A token in the password's place is for programs: a session would have more rights than it, and outlive it.
    if (login?.kind !== 'basic' || login.principal.via !== undefined) return unauthorized(basicChallenge)
    const query = new URLSearchParams(request.query)
    const returnTo = query.has('return')
      ? returnPath(query.get('return') as string, this.isLogin)
      : `${BASE}/`
    const cookie = await logins?.sessionFor(request, login.principal)
    return redirect(returnTo, cookie === undefined ? [] : ['Set-Cookie', cookie])
  }

  #loginNeeded(request: PageRequest): PageResponse {
    const { logins, basicChallenge } = this.#options
    const target =
      request.method === 'GET' ? request.path + (request.query && `?${request.query}`) : `${BASE}/`
    const led = logins?.challenge(request, target)
    if (led) return led
    return unauthorized(logins ? undefined : basicChallenge)
  }
}

const ACCOUNT = `\n<p class="actions"><a class="button main" href="${BASE}/">Your account</a></p>`

const unauthorized = (challenge: string | undefined): PageResponse =>
  htmlPage(
    'Login required',
    `<p class="actions"><a class="button main" href="${BASE}/login">Log in</a></p>`,
    {
      status: 401,
      headers: challenge === undefined ? [] : ['WWW-Authenticate', challenge],
    },
  )

const notFound = (): PageResponse =>
  htmlPage('Not found', `<p>There is no such page.</p>${ACCOUNT}`, { status: 404 })

const notAllowed = (): PageResponse =>
  htmlPage('Method not allowed', '<p>This page only accepts GET and HEAD.</p>', {
    status: 405,
    headers: ['Allow', 'GET, HEAD'],
  })

const staleForm = (): PageResponse =>
  htmlPage('Please try again', `<p>This form was open for too long.</p>${ACCOUNT}`, {
    status: 403,
  })

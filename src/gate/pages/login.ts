import type { Principal } from '../../auth/principal.js'
import { BadToken } from '../../auth/providers/oidc/bearer.js'
import {
  type BrowserLogin,
  LoginFailed,
  NEEDS_USER,
  newLoginSecrets,
} from '../../auth/providers/oidc/browser-login.js'
import { BadClaims } from '../../auth/providers/oidc/claims.js'
import type { Ending } from '../../auth/sessions/ended.js'
import type { SessionProvider } from '../../auth/sessions/provider.js'
import type { Seals } from '../../auth/sessions/seal.js'
import { cookieIn, loginCookie, loginCookiesIn, removeCookie, sessionCookie, setCookie } from './cookies.js'
import {
  escapeHtml,
  htmlPage,
  isNavigation,
  json,
  type PageOptions,
  type PageRequest,
  type PageResponse,
  redirect,
} from './page.js'
import { fragmentOf, returnPath } from './return-path.js'
import { BASE, type Site, siteOf } from './site.js'

// Logging in and out with a browser. Each login in progress has its own sealed cookie, found by its state. That binds the
// issuer's response to the browser that started the login, so that no link can log a user in as someone else (login CSRF).

/** How long a login may be left open at the issuer, in milliseconds. */
const LOGIN_TTL = 12 * 3_600_000
/** Most logins in progress in one browser; the oldest is dropped first. */
const MAX_LOGINS = 6
/** How long to pause renewals when the issuer cannot be reached, in milliseconds. */
const RENEWAL_PAUSE = 60_000
/** How long to wait for the issuer to respond before assuming that it is down, in milliseconds. */
const RENEWAL_PATIENCE = 3000

export interface LoginPagesOptions {
  readonly login: BrowserLogin
  readonly sessions: SessionProvider
  readonly seals: () => Seals
  /** The configured redirect URL. Default: derived from the request's host. */
  readonly redirectUrl?: URL | undefined
  /** Opening a page renews a session older than this, in milliseconds. */
  readonly renewAfter: number
  /** Whether users can also log in with a password. */
  readonly hasPasswords: boolean
  /** Whether a path belongs to the login itself, and so is not a page to return to. */
  readonly isLogin: (path: string) => boolean
  /** Called for each login at the issuer. */
  readonly onLogin: (principal: Principal) => void
  /** Called with the reason of a failed login, for the log. */
  readonly onFailure: (message: string) => void
  /** Called when the issuer has ended sessions, or with a message if that failed. */
  readonly onIssuerLogout: (flaw?: string) => void
  readonly now?: (() => number) | undefined
}

interface PendingLogin {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  readonly returnTo: string
  readonly started: number
  /** Whether the issuer must not prompt the user (`prompt=none`). */
  readonly silent: boolean
}

export class LoginPages {
  readonly #options: LoginPagesOptions
  readonly #now: () => number
  #renewalsPausedUntil = 0

  constructor(options: LoginPagesOptions) {
    this.#options = options
    this.#now = options.now ?? (() => Date.now())
  }

  /** Whether a cookie holds a valid session. */
  isSession(value: string): boolean {
    return this.#options.sessions.sessionIn(value) !== undefined
  }

  /** Redirects to the login if a user opens a page without one; `target` is the page to return to. */
  challenge(request: PageRequest, target: string): PageResponse | undefined {
    if (!isNavigation(request)) return undefined
    const site = siteOf(request, this.#options.redirectUrl)
    const expired = site && cookieIn(request.cookie, sessionCookie(site.isSecure)) !== undefined
    const cookies = expired ? ['Set-Cookie', removeCookie(sessionCookie(site.isSecure))] : []
    return redirect(placeFor(request, site) + loginPath(target), cookies, 302)
  }

  /** Redirects through the issuer to renew an old session when the user opens a page, and back at once. */
  renewal(request: PageRequest, target: string): PageResponse | undefined {
    const { login, sessions, renewAfter, redirectUrl } = this.#options
    if (!isNavigation(request)) return undefined
    const site = siteOf(request, redirectUrl)
    const value = site && cookieIn(request.cookie, sessionCookie(site.isSecure))
    const session = value === undefined ? undefined : sessions.sessionIn(value)
    if (session === undefined || session.provider !== 'oidc') return undefined
    const now = this.#now()
    if (session.issued + renewAfter > now || now < this.#renewalsPausedUntil || login.issuer.isDown)
      return undefined
    return redirect(`${placeFor(request, site) + loginPath(target)}&silent=1`, [], 302)
  }

  /** GET /.htgate/login */
  async start(request: PageRequest): Promise<PageResponse> {
    const { login, sessions, redirectUrl, isLogin } = this.#options
    const query = new URLSearchParams(request.query)
    const path = returnPath(query.get('return') ?? undefined, isLogin)
    const site = siteOf(request, redirectUrl)
    if (site === undefined) return this.#insecure(request)
    const returnTo = path.includes('#') ? path : path + fragmentOf(query.get('fragment'))
    const session = sessions.sessionIn(cookieIn(request.cookie, sessionCookie(site.isSecure)) ?? '')
    const silent = query.has('silent') && session !== undefined
    if (!(await this.#answers())) {
      if (silent) return redirect(returnTo, [], 302)
      return this.#unavailable(new Error(login.issuer.trouble ?? 'no response'), returnTo)
    }
    if (!silent && request.fetchDest === 'document' && !query.has('go')) return bounce(returnTo)

    const secrets = newLoginSecrets()
    let location: string
    try {
      location = await login.start(secrets, site.redirectUri, silent)
    } catch (error) {
      return this.#unavailable(error as Error, returnTo)
    }
    const pending: PendingLogin = { ...secrets, returnTo, started: this.#now(), silent }
    const { state, nonce, verifier } = secrets
    const content = JSON.stringify([
      state,
      nonce,
      verifier,
      returnTo,
      Math.floor(pending.started / 1000),
      silent,
    ])
    const cookie = setCookie(
      loginCookie(site.isSecure, state),
      this.#options.seals().seal('login', content),
      LOGIN_TTL / 1000,
    )
    const crowd = this.#oldLogins(request, site).flatMap((name) => ['Set-Cookie', removeCookie(name)])
    return redirect(location, ['Set-Cookie', cookie, ...crowd], 302)
  }

  /** GET /.htgate/callback, where the issuer sends the browser back to. */
  async finish(request: PageRequest): Promise<PageResponse> {
    const { login, sessions, redirectUrl, onLogin, onFailure } = this.#options
    const site = siteOf(request, redirectUrl)
    if (site === undefined) return this.#insecure(request)
    const query = new URLSearchParams(request.query)
    const state = query.get('state') ?? ''
    const name = loginCookie(site.isSecure, state)
    const pending = this.#pendingIn(cookieIn(request.cookie, name))
    const value = cookieIn(request.cookie, sessionCookie(site.isSecure))
    if (pending === undefined || pending.state !== state) {
      // F5 or the back button after a completed login. Redeeming the code again would end the session at the issuer.
      if (value !== undefined && sessions.sessionIn(value)) return redirect('/', [], 302)
      return this.#failed('This login has expired, or was started in another browser.', '/')
    }
    const done = ['Set-Cookie', removeCookie(name)]
    const again = loginPath(pending.returnTo)
    try {
      const callback = new URL(site.redirectUri)
      callback.search = request.query
      const { principal, origin } = await login.finish(callback, pending)
      onLogin(principal)
      const sealed = sessions.begin(principal, origin)
      const session = setCookie(sessionCookie(site.isSecure), sealed, sessions.ttl / 1000)
      return redirect(pending.returnTo, [...done, 'Set-Cookie', session], 302)
    } catch (error) {
      const { message } = error as Error
      if (error instanceof LoginFailed && pending.silent && NEEDS_USER.includes(error.code ?? '')) {
        // The user is no longer logged in at the issuer, so the session ends here too.
        if (value !== undefined) sessions.logOut(value)
        return redirect(again, [...done, 'Set-Cookie', removeCookie(sessionCookie(site.isSecure))], 302)
      }
      onFailure(message)
      if (error instanceof BadClaims) {
        return this.#failed(`This account cannot be used here: ${message}.`, pending.returnTo, 403, done)
      }
      if (error instanceof LoginFailed) {
        const why =
          error.code === 'access_denied' ? 'The issuer denied access.' : 'The login failed at the issuer.'
        return this.#failed(why, pending.returnTo, 403, done)
      }
      if (pending.silent && value !== undefined && sessions.sessionIn(value)) {
        this.#renewalsPausedUntil = this.#now() + RENEWAL_PAUSE
        return redirect(pending.returnTo, done, 302)
      }
      return this.#unavailable(error as Error, pending.returnTo, done)
    }
  }

  /** POST /.htgate/logout: ends the session here and at the issuer. */
  logOut(request: PageRequest, onEnd: (ending: Ending) => void): PageResponse {
    const { login, sessions, redirectUrl } = this.#options
    const site = siteOf(request, redirectUrl)
    if (site === undefined) return this.#insecure(request)
    const name = sessionCookie(site.isSecure)
    const value = cookieIn(request.cookie, name)
    const session = value === undefined ? undefined : sessions.sessionIn(value)
    const ended = value === undefined ? undefined : sessions.logOut(value)
    if (ended) onEnd(ended)
    const loggedOut = `${site.origin}${BASE}/logged-out`
    const atIssuer = session?.provider === 'oidc' ? login.logoutUrl(loggedOut) : undefined
    return redirect(atIssuer ?? `${BASE}/logged-out`, ['Set-Cookie', removeCookie(name)])
  }

  /** POST /.htgate/backchannel-logout: the issuer itself ends sessions (OpenID Connect Back-Channel Logout 1.0, 2.5). */
  async endByIssuer(request: PageRequest, onEnd: (ending: Ending) => void): Promise<PageResponse> {
    const { login, sessions, onIssuerLogout } = this.#options
    const form = await request.form().catch(() => new URLSearchParams())
    try {
      const { origin, before, jti } = await login.logoutIn(form.getAll('logout_token'), this.#now())
      const ending = sessions.logOutBy(origin, before, jti)
      if (ending === undefined) throw new BadToken('it has been used before')
      onEnd(ending)
      onIssuerLogout()
      return json(200, {})
    } catch (error) {
      const { message } = error as Error
      onIssuerLogout(message)
      if (error instanceof BadToken)
        return json(400, { error: 'invalid_request', error_description: message })
      return json(503, { error: 'temporarily_unavailable' }, ['Retry-After', '10'])
    }
  }

  /** GET /.htgate/logged-out */
  loggedOut(): PageResponse {
    return htmlPage(
      'You are logged out',
      `<p>This browser no longer has a session here.</p>\n${this.#ways('/')}`,
    )
  }

  /** The origin that a logout redirects to, for the page's Content-Security-Policy. */
  get logoutOrigins(): string[] {
    const url = this.#options.login.logoutUrl('')
    return url === undefined ? [] : [new URL(url).origin]
  }

  /** A session for a user who has logged in with a password; undefined where no cookie would be safe. */
  async sessionFor(request: PageRequest, principal: Principal): Promise<string | undefined> {
    const site = siteOf(request, this.#options.redirectUrl)
    if (site === undefined) return undefined
    const { sessions } = this.#options
    const value = sessions.begin(principal, undefined, await sessions.markOf(principal))
    return setCookie(sessionCookie(site.isSecure), value, sessions.ttl / 1000)
  }

  #pendingIn(value: string | undefined): PendingLogin | undefined {
    const content = value === undefined ? undefined : this.#options.seals().open('login', value)
    if (content === undefined) return undefined
    const [state, nonce, verifier, returnTo, started, silent] = JSON.parse(content.toString())
    const pending = { state, nonce, verifier, returnTo, started: started * 1000, silent }
    return pending.started + LOGIN_TTL > this.#now() ? pending : undefined
  }

  /** Cookies of logins that are in excess or can no longer be opened. */
  #oldLogins(request: PageRequest, { isSecure }: Site): string[] {
    const pending = loginCookiesIn(request.cookie, isSecure)
      .map(({ name, value }) => ({ name, started: this.#pendingIn(value)?.started ?? 0 }))
      .sort((a, b) => b.started - a.started)
    return pending.filter(({ started }, i) => started === 0 || i >= MAX_LOGINS - 1).map(({ name }) => name)
  }

  /** Whether the issuer responds right now. If not, a browser sent there would be stuck. */
  async #answers(): Promise<boolean> {
    const { issuer } = this.#options.login
    const late = new Promise<false>((resolve) => setTimeout(resolve, RENEWAL_PATIENCE, false).unref())
    const answers = await Promise.race([issuer.answers(), late])
    if (!answers) this.#renewalsPausedUntil = this.#now() + RENEWAL_PAUSE
    return answers
  }

  #failed(why: string, returnTo: string, status = 400, cookies: readonly string[] = []): PageResponse {
    const content = `<p>${escapeHtml(why)}</p>\n${this.#ways(returnTo)}
<p>If this keeps happening, check whether your browser blocks this server’s cookies.</p>`
    return htmlPage('Not logged in', content, { status, headers: cookies })
  }

  #unavailable(error: Error, returnTo: string, cookies: readonly string[] = []): PageResponse {
    this.#options.onFailure(error.message)
    const content = `<p>The login service of this server is not responding. Try again in a moment, or tell the server’s operator.</p>
${this.#ways(returnTo)}`
    return htmlPage('Login unavailable', content, {
      status: 503,
      headers: ['Retry-After', '10', ...cookies],
    })
  }

  #insecure({ host }: PageRequest): PageResponse {
    const content = `<p>Anyone on the network could read a login over plain HTTP. Open this server with https://.</p>
<p>For the server’s operator: serve HTTPS (--tls-cert), trust the proxy that does (--trust-proxy), or set --oidc-redirect-url.
This request was for ${escapeHtml(host ?? 'no host')}, over HTTP.</p>`
    return htmlPage('Login requires HTTPS', content, { status: 403 })
  }

  #ways(returnTo: string): string {
    const login = `<a class="button main" href="${escapeHtml(loginPath(returnTo))}">Log in</a>`
    const path = `${BASE}/password?return=${encodeURIComponent(returnTo)}`
    const password = this.#options.hasPasswords
      ? `\n<a class="button" href="${escapeHtml(path)}">Log in with a password</a>`
      : ''
    return `<p class="actions">${login}${password}</p>`
  }
}

/**
 * The origin to prepend to the gate's paths for a proxy's client: Traefik resolves a relative `Location` against the gate's own
 * address, which browsers can't reach.
 */
const placeFor = ({ isAsked }: PageRequest, site: Site | undefined): string =>
  isAsked && site ? site.origin : ''

const loginPath = (returnTo: string): string => `${BASE}/login?return=${encodeURIComponent(returnTo)}`

/**
 * Browsers never send the fragment (after #) of an address, but MLflow keeps the current view there. A script carries it
 * through the login; without scripts, the login works but loses it.
 */
function bounce(returnTo: string): PageResponse {
  const next = escapeHtml(`${loginPath(returnTo)}&go=1`)
  const head = `
<script src="${BASE}/login.js" defer></script>
<noscript><meta http-equiv="refresh" content="0; url=${next}"></noscript>`
  const options: PageOptions = { head }
  return htmlPage(
    'Login',
    `<p class="actions"><a class="button main" id="next" href="${next}">Continue to the login</a></p>`,
    options,
  )
}

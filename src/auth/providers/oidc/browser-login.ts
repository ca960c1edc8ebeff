import { createHash, randomBytes } from 'node:crypto'
import { jwtVerify } from 'jose'
import type { Configuration, ServerMetadata } from 'openid-client'
import type { Principal } from '../../principal.js'
import type { Finding } from '../../provider.js'
import type { Origin } from '../../sessions/session.js'
import { ALGORITHMS, CLOCK_TOLERANCE } from './bearer.js'
import { BadClaims, type ClaimNames, type Claims, groupsOf, userOf, valueAt } from './claims.js'
import type { Fetch } from './http.js'
import { isSafe } from './http.js'
import { type Issuer, IssuerDown, type Metadata } from './issuer.js'
import { type IssuerLogout, verifyLogoutToken } from './logout-token.js'

// The authorization code flow (OpenID Connect Core, section 3.1) with PKCE, state and nonce, using openid-client. Tokens are
// only read to identify the user, and not kept.

export interface BrowserLoginOptions {
  readonly issuer: Issuer
  readonly fetch: Fetch
  readonly clientId: string
  /** Undefined for a public client. */
  readonly clientSecret?: string | undefined
  /** The scopes to request, separated by spaces; `openid` is added. */
  readonly scope: string
  readonly claims: ClaimNames
}

/** Secrets that bind the issuer's response to the browser that started the login. */
export interface LoginSecrets {
  readonly state: string
  readonly nonce: string
  /** PKCE's code verifier (RFC 7636). */
  readonly verifier: string
}

export const newLoginSecrets = (): LoginSecrets => ({
  state: randomBytes(16).toString('base64url'),
  nonce: randomBytes(16).toString('base64url'),
  verifier: randomBytes(32).toString('base64url'),
})

/** The issuer refused, or its response does not belong to this login. */
export class LoginFailed extends Error {
  override readonly name = 'LoginFailed'
  constructor(
    message: string,
    /** The error code of the issuer's refusal (RFC 6749, section 4.1.2.1), if it refused. */
    readonly code?: string,
  ) {
    super(message)
  }
}

/** An issuer's errors for a silent login that needs to prompt the user (OpenID Connect Core, section 3.1.2.6). */
export const NEEDS_USER: readonly string[] = [
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
]

export class BrowserLogin {
  readonly #options: BrowserLoginOptions
  #configured: { readonly metadata: Metadata; readonly configuration: Configuration } | undefined

  constructor(options: BrowserLoginOptions) {
    this.#options = options
  }

  get issuer(): Issuer {
    return this.#options.issuer
  }

  /**
   * The URL to send the browser to.
   * @param silent whether the issuer must not prompt the user
   * @throws IssuerDown
   */
  async start(
    { state, nonce, verifier }: LoginSecrets,
    redirectUri: string,
    silent = false,
  ): Promise<string> {
    const { buildAuthorizationUrl } = await import('openid-client')
    const scope = new Set(['openid', ...this.#options.scope.split(/\s+/)])
    scope.delete('')
    const url = buildAuthorizationUrl(await this.#configuration(), {
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: [...scope].join(' '),
      state,
      nonce,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...(silent ? { prompt: 'none' } : {}),
    })
    return url.href
  }

  /**
   * Completes a login, and resolves to the principal.
   * @param callback the registered redirect URL, with the query that the browser returned with
   * @throws LoginFailed, BadClaims, IssuerDown
   */
  async finish(
    callback: URL,
    { state, nonce, verifier }: LoginSecrets,
  ): Promise<{ readonly principal: Principal; readonly origin: Origin }> {
    const client = await import('openid-client')
    const configuration = await this.#configuration()
    try {
      const tokens = await client.authorizationCodeGrant(configuration, callback, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      })
      const claims = await this.#verifyIdToken(tokens.id_token as string)
      const complete = await this.#completed(configuration, claims, tokens.access_token)
      const { user, groups } = this.#options.claims
      const name = userOf(complete, user)
      if (name === undefined) throw new BadClaims(`neither ID token nor userinfo has the claim ${user}`)
      const sid = typeof claims.sid === 'string' ? claims.sid : undefined
      return {
        principal: { name, provider: 'oidc', groups: groupsOf(complete, groups) },
        origin: { sid, sub: claims.sub as string },
      }
    } catch (error) {
      throw this.#failure(error, client)
    }
  }

  /**
   * Tests the client's ID and secret with a nonexistent code.
   * @throws IssuerDown
   */
  async check(redirectUri: string): Promise<Finding> {
    const { clientId, clientSecret } = this.#options
    const client = await import('openid-client')
    const fields = {
      code: 'htgate-check',
      redirect_uri: redirectUri,
      code_verifier: newLoginSecrets().verifier,
    }
    const who = `client ${clientId}${clientSecret === undefined ? '' : ' and its secret'}`
    try {
      await client.genericGrantRequest(await this.#configuration(), 'authorization_code', fields)
    } catch (error) {
      const failure = this.#failure(error, client)
      if (!(failure instanceof LoginFailed)) throw failure
      const isChallenge = error instanceof client.WWWAuthenticateChallengeError
      if (isChallenge || failure.code === 'invalid_client' || failure.code === 'unauthorized_client') {
        return {
          state: 'fails',
          text: `the issuer rejects ${who}: ${isChallenge ? 'invalid_client' : failure.message}`,
          hint: 'check --oidc-client-id, --oidc-client-secret-file and the client’s authentication method against its registration',
        }
      }
    }
    // Some issuers check the code before the secret.
    return { state: 'works', text: `the issuer does not reject ${who}` }
  }

  /**
   * The URL to send the browser to, so that the issuer logs the user out too; undefined if the issuer has no such page.
   */
  logoutUrl(returnTo: string): string | undefined {
    const { end_session_endpoint: endpoint } = this.#options.issuer.metadata ?? {}
    if (endpoint === undefined) return undefined
    const url = new URL(endpoint)
    url.searchParams.set('client_id', this.#options.clientId)
    url.searchParams.set('post_logout_redirect_uri', returnTo)
    return url.href
  }

  /**
   * Verifies the one logout token in `tokens`, and returns the sessions to end.
   *
   * @param now in milliseconds since the epoch
   * @throws BadToken, or an error if the issuer's keys are unavailable
   */
  logoutIn(tokens: readonly string[], now: number): Promise<IssuerLogout> {
    const { issuer, clientId } = this.#options
    return verifyLogoutToken(tokens, { issuer: issuer.url, clientId, key: issuer.key, now })
  }

  /** Verifies the ID token's signature. The library does not, because the token came over TLS. */
  async #verifyIdToken(token: string): Promise<Claims> {
    const { issuer, clientId } = this.#options
    const { payload } = await jwtVerify(token, issuer.key, {
      algorithms: ALGORITHMS,
      issuer: issuer.url,
      audience: clientId,
      requiredClaims: ['iss', 'aud', 'exp', 'iat', 'sub'],
      clockTolerance: CLOCK_TOLERANCE,
    })
    if ((payload.iat as number) > Date.now() / 1000 + CLOCK_TOLERANCE) {
      throw new LoginFailed('the ID token was issued in the future')
    }
    if (payload.azp !== undefined && payload.azp !== clientId) {
      throw new LoginFailed('the ID token was issued to another client')
    }
    return payload
  }

  /** Names and groups may be in the ID token, in userinfo or, like Keycloak's roles, in the access token. */
  async #completed(configuration: Configuration, claims: Claims, accessToken: string): Promise<Claims> {
    const { user, groups } = this.#options.claims
    const lacks = (known: Claims) =>
      valueAt(known, user) === undefined || valueAt(known, groups) === undefined
    let complete = claims
    if (lacks(complete) && configuration.serverMetadata().userinfo_endpoint !== undefined) {
      const { fetchUserInfo } = await import('openid-client')
      complete = { ...(await fetchUserInfo(configuration, accessToken, claims.sub as string)), ...claims }
    }
    if (!lacks(complete) || accessToken.split('.').length !== 3) return complete
    const { issuer } = this.#options
    const access = await jwtVerify(accessToken, issuer.key, {
      algorithms: ALGORITHMS,
      issuer: issuer.url,
      subject: claims.sub as string,
      clockTolerance: CLOCK_TOLERANCE,
    }).catch(() => undefined)
    return { ...access?.payload, ...complete }
  }

  async #configuration(): Promise<Configuration> {
    const { issuer, fetch, clientId, clientSecret } = this.#options
    const metadata = issuer.metadata ?? (await issuer.discover().catch((error) => down(error)))
    if (this.#configured?.metadata === metadata) return this.#configured.configuration
    const { authorization_endpoint: authorize, token_endpoint: token } = metadata
    if (authorize === undefined || token === undefined) {
      throw new IssuerDown(`${issuer.url} has no authorization_endpoint or no token_endpoint`)
    }
    const client = await import('openid-client')
    const methods = metadata.token_endpoint_auth_methods_supported
    const takesBasic = !Array.isArray(methods) || methods.includes('client_secret_basic')
    const authentication =
      clientSecret === undefined
        ? client.None()
        : takesBasic
          ? client.ClientSecretBasic(clientSecret)
          : client.ClientSecretPost(clientSecret)
    const settings = { [client.clockTolerance]: CLOCK_TOLERANCE }
    const configuration = new client.Configuration(
      metadata as unknown as ServerMetadata,
      clientId,
      settings,
      authentication,
    )
    configuration[client.customFetch] = (url, init) => fetch(url, init as never)
    // Allows plain HTTP, which has been limited to this machine, for tests and trials.
    if ([authorize, token].some((url) => new URL(url).protocol === 'http:' && isSafe(new URL(url)))) {
      client.allowInsecureRequests(configuration)
    }
    this.#configured = { metadata, configuration }
    return configuration
  }

  #failure(error: unknown, client: typeof import('openid-client')): Error {
    if (error instanceof LoginFailed || error instanceof BadClaims || error instanceof IssuerDown)
      return error
    if (error instanceof client.AuthorizationResponseError) return new LoginFailed(error.message, error.error)
    if (error instanceof client.ResponseBodyError && error.status < 500) {
      return new LoginFailed(
        `${error.error}${error.error_description ? `: ${error.error_description}` : ''}`,
        error.error,
      )
    }
    const { name, message, code, cause } = error as Error & { code?: string }
    const why = [message, (cause as Error | undefined)?.message].filter(Boolean).join(': ')
    const isReply = code?.startsWith('OAUTH_') || code?.startsWith('ERR_J')
    const isStatus = code === 'OAUTH_RESPONSE_IS_NOT_CONFORM' || code === 'OAUTH_TIMEOUT'
    if (isReply && !isStatus) return new LoginFailed(why || name)
    return new IssuerDown(`${this.#options.issuer.url}: ${why || name}`)
  }
}

function down(error: Error): never {
  throw new IssuerDown(error.message)
}

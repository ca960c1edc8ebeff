import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import type { Finding } from '../../provider.js'
import { type Fetch, isSafe } from './http.js'

// An issuer's metadata and keys. Both are fetched at the start, retried with backoff if that fails, and refreshed in the
// background. While the issuer is down, the last ones stay in use.

const FIRST_RETRY = 1000
const LAST_RETRY = 60_000
const METADATA_AGE = 60 * 60_000
const KEYS_AGE = 10 * 60_000
const COOLDOWN = 30_000
const ANSWERED_AGE = 10_000

/** The parts of an issuer's metadata (OpenID Connect Discovery 1.0, section 3) that are used. */
export interface Metadata {
  readonly issuer: string
  readonly jwks_uri: string
  readonly authorization_endpoint?: string
  readonly token_endpoint?: string
  readonly userinfo_endpoint?: string
  readonly end_session_endpoint?: string
  readonly [name: string]: unknown
}

export interface IssuerOptions {
  /** Exactly as in the issuer's tokens. */
  readonly url: string
  readonly fetch: Fetch
  /** Least time between two requests for keys because of unknown key IDs, in milliseconds. Default 30,000. */
  readonly cooldown?: number | undefined
  /** Age at which keys are refreshed, in milliseconds. Default 600,000. */
  readonly keysAge?: number | undefined
  /** Called when the issuer becomes unreachable, and when it is reachable again. */
  readonly onEvent?: ((event: IssuerEvent) => void) | undefined
}

/** An event of an issuer, for operators. `message` is suitable for a log: one line, without secrets. */
export interface IssuerEvent {
  readonly type: /** The issuer responds again. */
    | 'issuer-ready'
    /** The issuer does not respond. If its keys are known, they stay in use; otherwise its tokens get `unavailable`. */
    | 'issuer-down'
  readonly level: 'info' | 'error'
  readonly message: string
}

/** The issuer cannot be reached, and its metadata or keys are not known from before. */
export class IssuerDown extends Error {
  override readonly name = 'IssuerDown'
}

export class Issuer {
  readonly url: string
  readonly #fetch: Fetch
  readonly #cooldown: number
  readonly #keysAge: number
  readonly #onEvent: (event: IssuerEvent) => void
  #metadata: Metadata | undefined
  #metadataAt = Number.NEGATIVE_INFINITY
  #keys: JWTVerifyGetKey | undefined
  #keysAt = Number.NEGATIVE_INFINITY
  /** When keys were last requested, successfully or not. */
  #askedAt = Number.NEGATIVE_INFINITY
  #discovering: Promise<Metadata> | undefined
  #fetchingKeys: Promise<void> | undefined
  #failures = 0
  #answeredAt = Number.NEGATIVE_INFINITY
  #detail: string | undefined
  #retry: NodeJS.Timeout | undefined
  readonly #closing = new AbortController()

  constructor({ url, fetch, cooldown = COOLDOWN, keysAge = KEYS_AGE, onEvent }: IssuerOptions) {
    this.url = url
    this.#fetch = fetch
    this.#cooldown = cooldown
    this.#keysAge = keysAge
    this.#onEvent = onEvent ?? (() => {})
  }

  /** Tries to reach the issuer once, then keeps trying in the background. Never rejects. */
  async start(): Promise<void> {
    await this.discover().then(
      () => this.#refreshKeys().catch(() => {}),
      () => {},
    )
  }

  /** Why the issuer cannot be used; undefined if its metadata is known. */
  get trouble(): string | undefined {
    return this.#metadata === undefined ? (this.#detail ?? 'the issuer has not been reached yet') : undefined
  }

  /** Whether the last request to the issuer failed. */
  get isDown(): boolean {
    return this.#failures > 0 || this.#metadata === undefined
  }

  /** Whether the issuer responds. Sends a request unless one has succeeded within the last `maxAge` milliseconds. */
  async answers(maxAge = ANSWERED_AGE): Promise<boolean> {
    if (this.#metadata && performance.now() - this.#answeredAt < maxAge) return true
    return this.discover().then(
      () => true,
      () => false,
    )
  }

  /** The metadata, if known. */
  get metadata(): Metadata | undefined {
    if (performance.now() - this.#metadataAt > METADATA_AGE) void this.discover().catch(() => {})
    return this.#metadata
  }

  /**
   * Fetches the metadata now.
   * @throws Error if that fails
   */
  discover(): Promise<Metadata> {
    this.#discovering ??= this.#discover().finally(() => {
      this.#discovering = undefined
    })
    return this.#discovering
  }

  /** Tests discovery and the keys. */
  async check(): Promise<Finding[]> {
    try {
      const { jwks_uri: keys } = await this.discover()
      const found: Finding = { state: 'works', text: `${this.url} serves matching metadata` }
      try {
        await this.#refreshKeys()
      } catch (error) {
        return [found, { state: 'fails', text: `${keys}: ${reasonOf(error as Error)}` }]
      }
      const { length } = (this.#keys as ReturnType<typeof createLocalJWKSet>).jwks().keys
      if (length === 0) return [found, { state: 'fails', text: `${keys} has no keys` }]
      return [found, { state: 'works', text: `${keys} has ${length} key${length === 1 ? '' : 's'}` }]
    } catch (error) {
      const hint =
        'use the URL without /.well-known/openid-configuration; trust a private certificate authority with --oidc-ca'
      return [{ state: 'fails', text: `${this.url}: ${reasonOf(error as Error)}`, hint }]
    }
  }

  /** The key that a token names, for `jwtVerify`. */
  readonly key: JWTVerifyGetKey = async (header, token) => {
    const now = performance.now()
    if (this.#keys === undefined) {
      if (this.#fetchingKeys === undefined && now - this.#askedAt < Math.min(this.#cooldown, FIRST_RETRY)) {
        throw new IssuerDown(this.#detail ?? 'the keys of the issuer are not known')
      }
      await this.#refreshKeys().catch((error) => {
        throw new IssuerDown((error as Error).message)
      })
    } else if (now - this.#keysAt > this.#keysAge && now - this.#askedAt > this.#cooldown) {
      await this.#refreshKeys().catch(() => {})
    }
    const keys = this.#keys as unknown as JWTVerifyGetKey
    try {
      return await keys(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      // The key may be newer than the set.
      if (this.#fetchingKeys === undefined && performance.now() - this.#askedAt < this.#cooldown) throw error
      await this.#refreshKeys().catch(() => {})
      return await (this.#keys as unknown as JWTVerifyGetKey)(header, token)
    }
  }

  /** Stops timers and requests. */
  close(): void {
    this.#closing.abort()
    clearTimeout(this.#retry)
  }

  async #discover(): Promise<Metadata> {
    try {
      const metadata = await this.#json(`${this.url.replace(/\/$/, '')}/.well-known/openid-configuration`)
      this.#metadata = metadataFrom(metadata, this.url)
      this.#metadataAt = performance.now()
      this.#succeeded()
      return this.#metadata
    } catch (error) {
      this.#failed(error as Error)
      throw error
    }
  }

  #refreshKeys(): Promise<void> {
    this.#fetchingKeys ??= this.#fetchKeys().finally(() => {
      this.#fetchingKeys = undefined
    })
    return this.#fetchingKeys
  }

  async #fetchKeys(): Promise<void> {
    this.#askedAt = performance.now()
    const { jwks_uri: url } = this.#metadata ?? (await this.discover())
    try {
      const set = await this.#json(url)
      if (!Array.isArray(set.keys)) throw new TypeError('the key set of the issuer has no keys')
      this.#keys = createLocalJWKSet(set as unknown as JSONWebKeySet)
      this.#keysAt = performance.now()
      this.#succeeded()
    } catch (error) {
      this.#failed(error as Error)
      throw error
    }
  }

  async #json(url: string): Promise<Record<string, unknown>> {
    const response = await this.#fetch(url, {
      headers: { accept: 'application/json' },
      signal: this.#closing.signal,
    })
    if (response.status !== 200) throw new Error(`${url} responds with ${response.status}`)
    const value: unknown = await response.json().catch(() => undefined)
    if (typeof value !== 'object' || value === null) throw new Error(`the response of ${url} is not JSON`)
    return value as Record<string, unknown>
  }

  #succeeded(): void {
    this.#answeredAt = performance.now()
    if (this.#failures > 0) this.#tell('issuer-ready', 'info', `${this.url}: the issuer is responding again`)
    this.#failures = 0
    clearTimeout(this.#retry)
    this.#retry = undefined
  }

  #failed(error: Error): void {
    if (this.#closing.signal.aborted) return
    this.#detail = `${this.url}: ${reasonOf(error)}`
    const goesOn =
      this.#metadata === undefined
        ? 'logins at this issuer are unavailable'
        : 'using the metadata and keys known so far'
    if (this.#failures++ === 0) this.#tell('issuer-down', 'error', `${this.#detail}; ${goesOn}`)
    if (this.#retry !== undefined) return
    const wait = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(this.#failures - 1, 10))
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined
        void this.start()
      },
      wait * (0.8 + 0.4 * Math.random()),
    ).unref()
  }

  #tell(type: IssuerEvent['type'], level: IssuerEvent['level'], message: string): void {
    queueMicrotask(() => this.#onEvent({ type, level, message }))
  }
}

const ENDPOINTS = [
  'jwks_uri',
  'authorization_endpoint',
  'token_endpoint',
  'userinfo_endpoint',
  'end_session_endpoint',
] as const

/** @throws Error unless this is the metadata of this issuer */
function metadataFrom(value: Record<string, unknown>, url: string): Metadata {
  const { issuer } = value
  if (issuer !== url) {
    const other = typeof issuer === 'string' ? `'${issuer}'` : 'missing'
    throw new Error(`"issuer" in its metadata is ${other}; the configured URL must match it exactly`)
  }
  for (const name of ENDPOINTS) {
    const endpoint = value[name]
    if (endpoint === undefined && name !== 'jwks_uri') continue
    if (typeof endpoint !== 'string' || !URL.canParse(endpoint) || !isSafe(new URL(endpoint))) {
      throw new Error(`"${name}" in its metadata is not an https URL`)
    }
  }
  return value as unknown as Metadata
}

function reasonOf(error: Error & { code?: string; errors?: Error[] }): string {
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'the request timed out'
  if (error.message !== '') return error.message
  return error.errors?.[0]?.message ?? error.code ?? error.name
}

// The client headers that do not reach the upstream: those that the gate sets, those that could tell the upstream who sends
// the request or what it asks for, and those with the client's address, which only a trusted proxy may send.
// docs/headers.md lists them for users.

/** Headers that identify a user. A name that ends with `-` is a prefix. */
export const IDENTITY = [
  'x-forwarded-user',
  'x-forwarded-groups',
  'x-forwarded-email',
  'x-forwarded-preferred-username',
  'x-forwarded-access-token',
  'x-forwarded-client-cert',
  'x-auth-request-',
  'x-authenticated-',
  'x-remote-',
  'x-webauth-',
  'remote-',
  // With these, a peer that gunicorn trusts can change the path of a request.
  'script-name',
  'path-info',
  // With these, other servers change the path of a request.
  'x-original-url',
  'x-rewrite-url',
  // "httpoxy": CGI turns it into HTTP_PROXY, which programs use as the proxy for their own requests.
  'proxy',
] as const

/** Headers with the client's address, or how it reached the gate. From a trusted proxy, they pass unchanged. */
export const ADDRESS = [
  'forwarded',
  'x-forwarded-',
  'client-ip',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-envoy-external-address',
  'x-original-forwarded-for',
  'x-originating-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
] as const

/** Headers that the gate sets or interprets itself. */
const OWN = [
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'authorization',
  'x-mlflow-authorization',
  'host',
  'origin',
  'expect',
  'content-length',
  'content-type',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'cookie',
]

/** Headers that override a request's method in some applications. */
export const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'] as const

/** What happens to a header that the gate does not read. */
export type Fate = 'pass' | 'remove' | 'pass-from-trusted' | 'override'

/** Most names to cache. */
const MAX_KNOWN = 2048

/** Decides which client headers reach the upstream. */
export class HeaderFilter {
  readonly #identity: readonly string[]
  readonly #fates = new Map<string, Fate>()

  /** @param more further names to remove, in lower case; one that ends with `-` is a prefix */
  constructor(more: readonly string[] = []) {
    this.#identity = [...IDENTITY, ...more]
  }

  /** @param name in lower case */
  fate(name: string): Fate {
    let fate = this.#fates.get(name)
    if (fate === undefined) {
      fate = this.#judge(name)
      if (this.#fates.size < MAX_KNOWN) this.#fates.set(name, fate)
    }
    return fate
  }

  #judge(name: string): Fate {
    const canonical = name.replace(/[^a-z0-9]/g, '-')
    if (isIn(this.#identity, canonical)) return 'remove'
    // CGI and WSGI read `_` as `-`, and some servers do so with `.` and other characters. To the upstream, such a header
    // would be the same as the real one.
    const isDisguised = canonical !== name
    if (isIn(ADDRESS, canonical)) return isDisguised ? 'remove' : 'pass-from-trusted'
    if (isIn(METHOD_OVERRIDES, canonical)) return isDisguised ? 'remove' : 'override'
    return isDisguised && OWN.includes(canonical) ? 'remove' : 'pass'
  }
}

const isIn = (names: readonly string[], name: string): boolean =>
  names.some((each) => (each.endsWith('-') ? name.startsWith(each) : name === each))

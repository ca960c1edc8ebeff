// The headers of a client that do not reach the upstream, all in one place: those of the gate, those by which an upstream
// could be told who sends the request or what it asks for, and those that tell the client's address, which only a trusted
// proxy may. docs/headers.md lists them for users.

/** Who sends a request, whoever says so. A name that ends with `-` stands for all that begin with it. */
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
  // By these, gunicorn takes a request of a neighbour for one to another path.
  'script-name',
  'path-info',
  // And by these, other servers do.
  'x-original-url',
  'x-rewrite-url',
  // "httpoxy": CGI makes HTTP_PROXY of it, the proxy that a program sends its own requests through.
  'proxy',
] as const

/** Where a request comes from and how the client reached the gate. From a trusted proxy they pass, as they are. */
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

/** What the gate sets itself, or answers for. */
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

/** By these, some applications take a request for one with another method. */
export const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'] as const

/** What happens to a header that the gate does not read. */
export type Fate = 'pass' | 'remove' | 'pass-from-trusted' | 'override'

/** Names that are kept at most. */
const MAX_KNOWN = 2048

/** Tells which headers of a client reach the upstream. */
export class HeaderFilter {
  readonly #identity: readonly string[]
  readonly #fates = new Map<string, Fate>()

  /** @param more names to remove as well, in lower case; one that ends with `-` stands for all that begin with it */
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
    // CGI and WSGI read `_` as `-`, and some servers `.` and other characters: it would count for the upstream beside the
    // true header, or in its place.
    const isDisguised = canonical !== name
    if (isIn(ADDRESS, canonical)) return isDisguised ? 'remove' : 'pass-from-trusted'
    if (isIn(METHOD_OVERRIDES, canonical)) return isDisguised ? 'remove' : 'override'
    return isDisguised && OWN.includes(canonical) ? 'remove' : 'pass'
  }
}

const isIn = (names: readonly string[], name: string): boolean =>
  names.some((each) => (each.endsWith('-') ? name.startsWith(each) : name === each))

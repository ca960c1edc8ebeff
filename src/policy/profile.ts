import type { Classified } from './access.js'

/** What the gate knows about the application behind it. */
export interface Profile {
  readonly name: 'mlflow' | 'none'
  /** What people call the application; undefined where it has no name. */
  readonly title: string | undefined
  /** The default of --realm. */
  readonly realm: string
  /** Paths that are served without a login, by default. */
  readonly openPaths: readonly string[]
  /** The environment variables that the application's clients take a user name and a password from. */
  readonly loginVariables: readonly [name: string, password: string] | undefined
  /**
   * The header, in lower case, by which clients log in where the application relays the request: there, Authorization is the
   * third party's.
   */
  readonly relayLoginHeader: string | undefined
  /**
   * What a request does.
   *
   * @param method as it came
   * @param target path and query in origin form, as they came
   * @param upgrade whether the request asks for a tunnel, as WebSocket does
   */
  classify(method: string, target: string, upgrade: boolean): Classified
  /** Whether a path, encoded as it came, is a page that stays open and sends requests of its own. */
  isPage(path: string): boolean
  /** Whether the application passes this request's headers on to a third party. */
  relays(target: string): boolean
  /**
   * The Host that the application accepts whatever name the gate is opened by; undefined: the client's own.
   *
   * @param port the upstream's; empty where it has none or the default
   */
  hostFor(port: string): string | undefined
  /** The gate's own errors in the JSON that the application's clients understand. */
  readonly errorBody: (code: string, message: string) => string
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Of an application that nothing is known about: the safe methods of RFC 9110 read, everything else writes. */
export const none: Profile = {
  name: 'none',
  title: undefined,
  realm: 'Login',
  openPaths: [],
  loginVariables: undefined,
  relayLoginHeader: undefined,
  // What goes through a tunnel is not seen, so it may be anything.
  classify: (method, _target, upgrade) => (SAFE.has(method) && !upgrade ? 'read' : 'write'),
  isPage: () => false,
  relays: () => false,
  hostFor: () => undefined,
  errorBody: (code, message) => JSON.stringify({ error: code, message }),
}

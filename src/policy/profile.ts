import type { Classified } from './access.js'

/** Everything that the gate knows about the application behind it. */
export interface Profile {
  readonly name: 'mlflow' | 'none'
  /** The application's name in messages, if it has one. */
  readonly title: string | undefined
  /** The default of --realm. */
  readonly realm: string
  /** Default of --open-paths. */
  readonly openPaths: readonly string[]
  /** The environment variables from which the application's clients take user name and password. */
  readonly loginVariables: readonly [name: string, password: string] | undefined
  /**
   * The header, in lower case, with which clients log in on routes that the application relays to a third party, since
   * Authorization is for that party.
   */
  readonly relayLoginHeader: string | undefined
  /**
   * Tells what a request does.
   *
   * @param method as received
   * @param target path and query in origin form, as received
   * @param upgrade whether the request asks for a tunnel, such as a WebSocket
   */
  classify(method: string, target: string, upgrade: boolean): Classified
  /** Whether a path, still encoded, is a page that stays open and sends its own requests. */
  isPage(path: string): boolean
  /** Whether the application passes this request's headers on to a third party. */
  relays(target: string): boolean
  /**
   * The Host to send to the application, whatever name clients use for the gate; undefined passes on the client's.
   *
   * @param port the upstream's port; empty for none or the default
   */
  hostFor(port: string): string | undefined
  /** Makes the JSON of the gate's own errors, in the form that the application's clients understand. */
  readonly errorBody: (code: string, message: string) => string
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The profile of an unknown application: the safe methods of RFC 9110 read, everything else writes. */
export const none: Profile = {
  name: 'none',
  title: undefined,
  realm: 'Login',
  openPaths: [],
  loginVariables: undefined,
  relayLoginHeader: undefined,
  // The gate cannot see what passes through a tunnel, so it counts as a write.
  classify: (method, _target, upgrade) => (SAFE.has(method) && !upgrade ? 'read' : 'write'),
  isPage: () => false,
  relays: () => false,
  hostFor: () => undefined,
  errorBody: (code, message) => JSON.stringify({ error: code, message }),
}

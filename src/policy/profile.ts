import type { Classified } from './access.js'

/** What the gate knows about the application behind it. */
export interface Profile {
  readonly name: string
  /**
   * What a request does.
   *
   * @param method as it came
   * @param target path and query in origin form, as they came
   * @param upgrade whether the request asks for a tunnel, as WebSocket does
   */
  classify(method: string, target: string, upgrade: boolean): Classified
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Of an application that nothing is known about: the safe methods of RFC 9110 read, everything else writes. */
export const none: Profile = {
  name: 'none',
  // What goes through a tunnel is not seen, so it may be anything.
  classify: (method, _target, upgrade) => (SAFE.has(method) && !upgrade ? 'read' : 'write'),
}

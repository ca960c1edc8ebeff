import { type Access, higher } from './access.js'
import { mergeSlashes } from './target.js'

// Routes and their access, in a tree of literal segments, so that a lookup takes the same time for tables of any length. In a
// route, `<name>` stands for a segment or part of one, and `<path:name>` for any number of segments.

export type RouteAccess = Access | 'deny'

export interface Route {
  readonly method: string
  readonly path: string
  readonly access: RouteAccess
}

interface Pattern {
  readonly route: Route
  readonly matches: RegExp
}

interface Node {
  readonly next: Map<string, Node>
  /** Routes that end here. */
  readonly routes: Route[]
  /** Routes whose first placeholder comes next. */
  readonly patterns: Pattern[]
}

const node = (): Node => ({ next: new Map(), routes: [], patterns: [] })

export class RouteTable {
  readonly #root = node()
  /** First segments of routes. */
  readonly #tops = new Set<string>()

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route)
  }

  #add(route: Route): void {
    const segments = route.path.split('/').slice(1)
    if (segments[0] !== '') this.#tops.add(segments[0] as string)
    let at = this.#root
    for (const segment of segments) {
      if (segment.includes('<')) {
        at.patterns.push({ route, matches: patternOf(route.path) })
        return
      }
      let next = at.next.get(segment)
      if (next === undefined) {
        next = node()
        at.next.set(segment, next)
      }
      at = next
    }
    at.routes.push(route)
  }

  /** The routes that a decoded path may match, below any prefix; empty if none. */
  lookUp(path: string): Route[] {
    const found = this.#under(this.withoutPrefix(path))
    // Flask merges slashes, Starlette does not.
    if (path.includes('//')) found.push(...this.#under(this.withoutPrefix(mergeSlashes(path))))
    return found
  }

  /**
   * Removes a prefix, such as mlflow's --static-prefix. The prefix ends before the first segment that starts a route. Segments
   * further right may be parameters, whose values must not be able to select the route.
   */
  withoutPrefix(path: string): string {
    if (this.#tops.has(path.slice(1, path.indexOf('/', 1) >>> 0))) return path
    const segments = path.split('/')
    const top = segments.findIndex((segment) => this.#tops.has(segment))
    if (top > 0) return `/${segments.slice(top).join('/')}`
    return path.endsWith('/') ? '/' : path
  }

  #under(path: string): Route[] {
    const found: Route[] = []
    let at: Node | undefined = this.#root
    let start = 1
    while (at !== undefined) {
      for (const { route, matches } of at.patterns) if (matches.test(path)) found.push(route)
      if (start > path.length) {
        found.push(...at.routes)
        break
      }
      const slash = path.indexOf('/', start)
      const end = slash === -1 ? path.length : slash
      at = at.next.get(path.slice(start, end))
      start = end + 1
    }
    return found
  }
}

/** The strictest access among `routes`, which is not empty. */
export function strictest(routes: readonly Route[]): RouteAccess {
  let access: Access | undefined
  for (const route of routes) {
    if (route.access === 'deny') return 'deny'
    access = higher(access, route.access)
  }
  return access as Access
}

function patternOf(path: string): RegExp {
  const parts = path.split(/(<[^>]+>)/).map((part) => {
    if (part.startsWith('<path:')) return '.*'
    if (part.startsWith('<')) return '[^/]+'
    return part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}$`, 's')
}

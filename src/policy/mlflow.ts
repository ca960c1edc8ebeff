import type { Classified } from './access.js'
import { MLFLOW_ROUTES } from './mlflow-routes.js'
import type { Profile } from './profile.js'
import { type Route, type RouteAccess, RouteTable, strictest } from './route-table.js'
import { decodedPath, mergeSlashes, unambiguousPath } from './target.js'

// Everything the gate knows about MLflow: what its routes do, and how its clients and server behave.

/** Most targets to cache, since MLflow's clients repeat a few. Longer ones are not cached, to bound memory. */
const REMEMBERED = 4096
const LONGEST_REMEMBERED = 512

/** Parses the table: METHOD PATH ACCESS, and a note after `#`. */
export function parseRoutes(text: string): Route[] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
    .flatMap((line) => {
      const [method = '', path = '', access = ''] = line.split(/\s+/)
      const paths = path.startsWith('/api/') ? [path, path.replace('/api/', '/ajax-api/')] : [path]
      return paths.map((path) => ({ method, path, access: access as RouteAccess }))
    })
}

/** Routes that are not in the table, such as those of a newer MLflow, require the admin role. */
export class MlflowProfile implements Profile {
  readonly name = 'mlflow'
  readonly title = 'MLflow'
  readonly realm = 'MLflow Login'
  /** MLflow itself serves them without a login; load balancers use the first, clients the second. */
  readonly openPaths = ['/health', '/version']
  readonly loginVariables = ['MLFLOW_TRACKING_USERNAME', 'MLFLOW_TRACKING_PASSWORD'] as const
  readonly relayLoginHeader = 'x-mlflow-authorization'
  readonly #table = new RouteTable(parseRoutes(MLFLOW_ROUTES))
  /** Access by method and path: two lookups, which build no string. */
  readonly #remembered = new Map<string, Map<string, Classified>>()
  #count = 0

  classify(method: string, target: string, upgrade: boolean): Classified {
    // MLflow has no WebSocket routes.
    if (upgrade) return 'admin'
    const query = target.indexOf('?')
    const path = query === -1 ? target : target.slice(0, query)
    const known = this.#remembered.get(method)?.get(path)
    if (known !== undefined && !target.includes('#')) return known
    const classified = this.#lookUp(method, target)
    if (classified !== 'ambiguous' && path.length + method.length < LONGEST_REMEMBERED)
      this.#remember(method, path, classified)
    return classified
  }

  #remember(method: string, path: string, classified: Classified): void {
    if (++this.#count > REMEMBERED) {
      this.#count = 1
      this.#remembered.clear()
    }
    let paths = this.#remembered.get(method)
    if (paths === undefined) {
      paths = new Map()
      this.#remembered.set(method, paths)
    }
    paths.set(path, classified)
  }

  /** MLflow has one page, below any --static-prefix. */
  isPage(path: string): boolean {
    return path.endsWith('/') && this.#table.withoutPrefix(mergeSlashes(decodedPath(path))) === '/'
  }

  /** MLflow's gateway passes a request's headers on to the provider of a language model. */
  relays(target: string): boolean {
    if (!target.includes('gateway') && !target.includes('%')) return false
    return this.#table.withoutPrefix(mergeSlashes(decodedPath(target))).startsWith('/gateway/')
  }

  /**
   * MLflow 3.5 and later respond with 403 to an unknown Host or Origin. By default they accept localhost with any port, so this is
   * localhost with the server's own port.
   */
  hostFor(port: string): string {
    return port === '' ? 'localhost' : `localhost:${port}`
  }

  readonly errorBody = (code: string, message: string): string =>
    JSON.stringify({ error_code: code, message })

  #lookUp(method: string, target: string): Classified {
    const path = unambiguousPath(target)
    if (path === undefined) return 'ambiguous'
    const routes = this.#table.lookUp(path)
    if (routes.length === 0) return 'admin'
    // Flask itself responds to OPTIONS, with the path's methods.
    if (method === 'OPTIONS') return 'read'
    // Flask ignores the case of methods, and routes HEAD as GET.
    const upper = method.toUpperCase()
    const asked = upper === 'HEAD' ? 'GET' : upper
    const answering = routes.filter((route) => route.method === asked)
    return answering.length === 0 ? 'admin' : strictest(answering)
  }
}

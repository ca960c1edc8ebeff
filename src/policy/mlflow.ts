import type { Classified } from './access.js'
import { MLFLOW_ROUTES } from './mlflow-routes.js'
import type { Profile } from './profile.js'
import { type Route, type RouteAccess, RouteTable, strictest } from './route-table.js'
import { pathOf } from './target.js'

// What each of MLflow's routes does. Routes that are not in the table, of a newer MLflow, for example, need the admin role.

/** Targets that are remembered: MLflow's clients send the same few over and over. */
const REMEMBERED = 4096

/** Reads the table: METHOD PATH ACCESS, and a note after `#`. */
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

export class MlflowProfile implements Profile {
  readonly name = 'mlflow'
  readonly #table = new RouteTable(parseRoutes(MLFLOW_ROUTES))
  #remembered = new Map<string, Classified>()

  classify(method: string, target: string, upgrade: boolean): Classified {
    // MLflow has no WebSocket routes.
    if (upgrade) return 'admin'
    const query = target.indexOf('?')
    const key = `${method} ${query === -1 ? target : target.slice(0, query)}`
    const known = this.#remembered.get(key)
    if (known !== undefined && !target.includes('#')) return known
    const classified = this.#lookUp(method, target)
    if (classified === 'ambiguous') return classified
    if (this.#remembered.size >= REMEMBERED) this.#remembered = new Map()
    this.#remembered.set(key, classified)
    return classified
  }

  #lookUp(method: string, target: string): Classified {
    const path = pathOf(target)
    if (path === undefined) return 'ambiguous'
    const routes = this.#table.lookUp(path)
    if (routes.length === 0) return 'admin'
    // Flask answers OPTIONS by itself, with the methods that it has for the path.
    if (method === 'OPTIONS') return 'read'
    // Flask reads methods in any case, and HEAD as GET.
    const upper = method.toUpperCase()
    const asked = upper === 'HEAD' ? 'GET' : upper
    const answering = routes.filter((route) => route.method === asked)
    return answering.length === 0 ? 'admin' : strictest(answering)
  }
}

import { realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { MlflowProfile, parseRoutes } from '../../src/policy/mlflow.js'
import { MLFLOW_ROUTES } from '../../src/policy/mlflow-routes.js'
import type { RouteAccess } from '../../src/policy/route-table.js'
import { describeWith, peer } from '../support/peers.js'
import { type Random, randomFrom } from '../support/random.js'
import { run } from '../support/run.js'

// Compares the table with the routers of real MLflow servers: Flask's and FastAPI's, behind uvicorn's and gunicorn's parsing of
// the target. scripts/mlflow-routes.py queries them without starting a server.

type Request = readonly [method: string, target: string]
type RouteName = readonly [method: string, path: string]

const table = new Map(
  parseRoutes(MLFLOW_ROUTES).map(({ method, path, access }) => [`${method} ${path}`, access]),
)
const profile = new MlflowProfile()

const STRICTNESS = ['read', 'write', 'admin', 'deny', 'ambiguous']

/** A real route as the table spells it. */
const canonical = (path: string) => path.replace(/\{(\w+):path\}/g, '<path:$1>').replace(/\{(\w+)\}/g, '<$1>')

const accessOf = ([method, path]: RouteName): RouteAccess | undefined =>
  table.get(`${method} ${canonical(path)}`)

const exampleOf = (path: string): string =>
  canonical(path)
    .replace(/<path:\w+>/g, 'some/where')
    .replace(/<\w+>/g, 'x1')

describeWith(['mlflow'], 'MLflow 3', () => matchesTable('mlflow', 500))
describeWith(['mlflow-2.22'], 'MLflow 2.22', () => matchesTable('mlflow-2.22', 150))

function matchesTable(name: string, least: number): void {
  const python = () => join(dirname(realpathSync(peer(name) as string)), 'python')
  let routes: RouteName[]

  async function ask(args: string[], input = ''): Promise<string[]> {
    const { status, stdout, stderr } = await run(python(), ['scripts/mlflow-routes.py', ...args], { input })
    expect(status, stderr.toString()).toBe(0)
    return stdout.toString().trim().split('\n')
  }

  /** Each route's own path, and those spelled unusually. */
  let requests: Request[]
  let found: RouteName[][]

  beforeAll(async () => {
    routes = (await ask([])).map((line) => line.split(' ').slice(0, 2) as [string, string])
    const random = randomFrom(`${name} ${process.env.HTGATE_SEED ?? 1}`)
    requests = routes.map(([method, path]) => [method, exampleOf(path)])
    while (requests.length < 6000) requests.push(misspelled(random, routes))
    const lines = await ask(['--match'], requests.map((request) => JSON.stringify(request)).join('\n'))
    expect(lines.length).toBe(requests.length)
    found = lines.map((line) => JSON.parse(line))
  }, 120_000)

  test('every route is in the table', () => {
    expect(routes.length).toBeGreaterThan(least)
    expect(routes.filter((route) => accessOf(route) === undefined)).toEqual([])
  })

  test('each route’s path is matched to that route and its access', () => {
    routes.forEach(([method, path], i) => {
      const names = found[i]?.map(([, path]) => exampleOf(path))
      // Flask's catch-all for artifacts comes after FastAPI's.
      expect(names, `${method} ${path}`).toContain(exampleOf(path))
      expect(profile.classify(...(requests[i] as Request), false), `${method} ${path}`).toBe(
        accessOf([method, path]),
      )
    })
  })

  test('no spelling of a request requires less than the route that it reaches', () => {
    let reached = 0
    requests.forEach(([method, target], i) => {
      const classified = profile.classify(method, target, false)
      for (const route of found[i] as RouteName[]) {
        reached++
        const needed = accessOf(route) as RouteAccess
        expect(
          STRICTNESS.indexOf(classified),
          `${method} ${target} reaches ${route.join(' ')}, which requires ${needed}, but is classified as ${classified}`,
        ).toBeGreaterThanOrEqual(STRICTNESS.indexOf(needed))
      }
    })
    // The test proves nothing unless enough of them reach a route.
    expect(reached).toBeGreaterThan(1500)
  })
}

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'post', 'Delete']

/** An unusually spelled request for one of `routes`. */
function misspelled(random: Random, routes: readonly RouteName[]): Request {
  const [method, path] = random.pick(routes)
  let target = exampleOf(path)
  for (let times = 1 + random.number(3); times > 0; times--)
    target = random.pick(SPELLINGS)(target, random, routes)
  return [random.chance(0.8) ? method : random.pick(METHODS), target]
}

const encoded = (character: string, lower: boolean) => {
  const hex = character.charCodeAt(0).toString(16).padStart(2, '0')
  return `%${lower ? hex : hex.toUpperCase()}`
}

function insert(target: string, random: Random, text: string): string {
  const at = random.number(target.length + 1)
  return target.slice(0, at) + text + target.slice(at)
}

/** Replaces one of the slashes with `text`. */
function atSlash(target: string, random: Random, text: string): string {
  const slashes = [...target.matchAll(/\//g)].map(({ index }) => index)
  const at = random.pick(slashes)
  return at === undefined ? target : target.slice(0, at) + text + target.slice(at + 1)
}

const SPELLINGS: ((target: string, random: Random, routes: readonly RouteName[]) => string)[] = [
  (target, random) => {
    const at = 1 + random.number(target.length)
    const character = target[at]
    return character === undefined || character === '%'
      ? target
      : target.slice(0, at) + encoded(character, random.chance(0.5)) + target.slice(at + 1)
  },
  (target, random) => (random.chance(0.5) ? atSlash(target, random, '%2F') : target),
  (target, random) => atSlash(target, random, '//'),
  (target, random) =>
    atSlash(target, random, random.pick(['/./', '/x/../', '/%2e/', '\\', '/;x/', '/%2F', '%252F'])),
  (target) => `/${target}`,
  (target) => `${target}/`,
  (target, random) =>
    target +
    random.pick(['?a=b', '?/health', '#x', '%3F', '%23', '%0A', '%00', '%0a/', ';x', '.', '%20', ' ']),
  (target, random) =>
    insert(target, random, random.pick(['%00', '%0A', '%E2%80%8B', '%FF', '%', '%2', '%zz', '+', ':', '@'])),
  (target, random) => (random.chance(0.3) ? target.toUpperCase() : target),
  // A parameter that looks like another route.
  (target, random, routes) =>
    target.replace(/x1|some\/where/, () => exampleOf(random.pick(routes)[1]).slice(1)),
  (target, random, routes) =>
    target.replace(/x1|some\/where/, () => encodeURIComponent(exampleOf(random.pick(routes)[1]))),
  (target, random, routes) => exampleOf(random.pick(routes)[1]) + target,
  (target) => target.replace('/api/', '/ajax-api/'),
]

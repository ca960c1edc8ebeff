import { describe, expect, test } from 'vitest'
import { ACCESS } from '../../src/policy/access.js'
import { MlflowProfile, parseRoutes } from '../../src/policy/mlflow.js'
import { MLFLOW_ROUTES } from '../../src/policy/mlflow-routes.js'

const profile = new MlflowProfile()
const classify = (method: string, target: string, upgrade = false) =>
  profile.classify(method, target, upgrade)

/** A target that matches a route. */
const exampleOf = (path: string): string => path.replace(/<path:\w+>/g, 'some/where').replace(/<\w+>/g, 'x1')

describe('the table', () => {
  const routes = parseRoutes(MLFLOW_ROUTES)

  test('has one access for each route', () => {
    for (const { access, method, path } of routes) {
      expect([...ACCESS, 'deny'], `${method} ${path}`).toContain(access)
      expect(method).toMatch(/^(?:GET|POST|PUT|PATCH|DELETE)$/)
    }
    expect(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length)
    expect(routes.length).toBeGreaterThan(500)
  })

  test.each(['', '/mlflow', '/teams/vision'])(
    'classifies each route as itself, under the prefix %j',
    (prefix) => {
      for (const { method, path, access } of routes) {
        expect(classify(method, `${prefix}${exampleOf(path)}?a=b`), `${method} ${prefix}${path}`).toBe(access)
      }
    },
  )
})

describe('a path', () => {
  test.each([
    ['/api/2.0/mlflow/experiments/%63reate', 'encoded letters'],
    ['/api/2.0/mlflow/experiments%2Fcreate', 'an encoded slash'],
    ['/api/2.0/mlflow/experiments%2fcreate', 'an encoded slash in lower case'],
    ['//api/2.0/mlflow/experiments/create', 'two slashes in front'],
    ['/api//2.0/mlflow///experiments/create', 'slashes to merge'],
    ['/%61%70%69/2.0/mlflow/experiments/create', 'an encoded first segment'],
    ['/mlflow//api/2.0/mlflow/experiments/create', 'a prefix and two slashes'],
    ['/ajax-api/2.0/mlflow/experiments/create', 'the browser’s API'],
    ['/api/2.0/mlflow/experiments/create?_method=GET', 'a method in the query'],
    ['/api/2.0/mlflow/experiments/create?path=/health', 'a path in the query'],
    ['/api/2.0/mlflow/experiments/create%3fx', 'an encoded question mark', 'admin'],
    ['/api/2.0/mlflow/experiments/create/', 'a trailing slash', 'admin'],
    ['/api/2.0/mlflow/experiments/create;x', 'a parameter', 'admin'],
    ['/api/2.0/mlflow/experiments/%2563reate', 'letters encoded twice', 'admin'],
    ['/api/2.0/mlflow/experiments/CREATE', 'upper case', 'admin'],
    ['/API/2.0/mlflow/experiments/search', 'upper case in a read', 'admin'],
    ['/api/2.0/mlflow/experiments\\create', 'a backslash', 'admin'],
    ['/api/2.0/mlflow/experiments/create.', 'a trailing dot', 'admin'],
    ['/api/2.0/mlflow/experiments/ｃreate', 'a letter that looks alike', 'admin'],
    ['/api/2.0/mlflow/experiments/%C0%AFcreate', 'an overlong slash', 'admin'],
    ['/api/2.0/mlflow/experiments/%zzcreate', 'an invalid escape', 'admin'],
  ])('%s: %s', (target, _, access = 'write') => {
    expect(classify('POST', target)).toBe(access)
  })

  test.each([
    '/api/2.0/mlflow/./experiments/create',
    '/health/../api/2.0/mlflow/experiments/create',
    '/health/%2e%2e/api/2.0/mlflow/experiments/create',
    '/health/%2E./api/2.0/mlflow/experiments/create',
    '/health%2F..%2Fapi/2.0/mlflow/experiments/create',
    '/api/2.0/mlflow/experiments/create/..',
    '/api/2.0/mlflow/experiments/create%00',
    '/api/2.0/mlflow/experiments/create%0A',
    '/api/3.0/jobs/search%0a',
    '/api/2.0/mlflow/experiments/create#x',
    '/health?#/x',
    '*',
    'api/2.0/mlflow/experiments/create',
  ])('%s is ambiguous', (target) => {
    expect(classify('POST', target)).toBe('ambiguous')
    expect(classify('GET', target)).toBe('ambiguous')
  })

  test('parameters cannot change the route', () => {
    // A table that looked for known routes at the end of a path would classify all of these as reads.
    expect(classify('PUT', '/api/2.0/mlflow-artifacts/artifacts/api/2.0/mlflow/runs/search')).toBe('write')
    expect(classify('POST', '/api/9.9/mlflow/new/api/2.0/mlflow/runs/search')).toBe('admin')
    expect(classify('GET', '/api/9.9/mlflow/new/health')).toBe('admin')
    expect(classify('GET', '/static-files/api/2.0/mlflow/gateway-proxy')).toBe('read')
    expect(classify('POST', '/gateway/proxy/x/api/2.0/mlflow/runs/search')).toBe('write')
  })

  test.each([
    ['GET', '/', 'read'],
    ['GET', '/mlflow/', 'read'],
    ['GET', '/?x', 'read'],
    ['POST', '/', 'admin'],
    ['GET', '/mlflow', 'admin'],
    ['GET', '/metrics', 'admin'],
    ['GET', '/api/2.0/mlflow/nothing', 'admin'],
    ['GET', '/api/4.0/mlflow/experiments/search', 'admin'],
    ['GET', '/api/2.0/mlflow-artifacts/artifacts/a%20b/%2e%2ehidden/.git', 'read'],
  ])('%s %s: %s', (method, target, access) => {
    expect(classify(method, target)).toBe(access)
  })
})

describe('a method', () => {
  test.each([
    ['HEAD', '/api/2.0/mlflow/experiments/search', 'read'],
    ['HEAD', '/api/2.0/mlflow/gateway-proxy', 'write'],
    ['HEAD', '/api/2.0/mlflow/experiments/create', 'admin'],
    ['OPTIONS', '/api/2.0/mlflow/experiments/create', 'read'],
    ['OPTIONS', '/api/2.0/mlflow/nothing', 'admin'],
    // Flask reads methods in any case.
    ['post', '/api/2.0/mlflow/experiments/create', 'write'],
    ['Delete', '/api/2.0/mlflow/webhooks/1', 'admin'],
    ['GET', '/api/2.0/mlflow/experiments/create', 'admin'],
    ['PUT', '/api/2.0/mlflow/experiments/create', 'admin'],
    ['PROPFIND', '/api/2.0/mlflow/experiments/search', 'admin'],
  ])('%s %s: %s', (method, target, access) => {
    expect(classify(method, target)).toBe(access)
  })

  test('MLflow has no WebSocket routes', () => {
    expect(classify('GET', '/health', true)).toBe('admin')
    expect(classify('GET', '/health')).toBe('read')
  })
})

test('cached results never apply to another request', () => {
  expect(classify('GET', '/health')).toBe('read')
  expect(classify('GET', '/health#x')).toBe('ambiguous')
  expect(classify('GET', '/health')).toBe('read')
  for (let i = 0; i < 10_000; i++) classify('GET', `/get-artifact${i}`)
  expect(classify('POST', '/health')).toBe('admin')
})

describe('the gateway', () => {
  test.each([
    '/gateway/openai/v1/chat/completions',
    '/mlflow/gateway/x/mlflow/invocations?a',
    '/%67ateway/x',
    '//gateway//x',
    '/gateway%2Fx',
    '/gateway/../x',
  ])('relays %s', (target) => expect(profile.relays(target)).toBe(true))

  test.each([
    '/',
    '/gateway',
    '/api/3.0/mlflow/gateway/endpoints/list',
    '/ajax-api/2.0/mlflow/gateway-proxy',
    '/get-artifact?path=/gateway/',
    '/api/2.0/mlflow-artifacts/artifacts/gateway/x',
  ])('does not relay %s', (target) => expect(profile.relays(target)).toBe(false))
})

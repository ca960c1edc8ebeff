import { describe, expect, test } from 'vitest'
import { PageScript } from '../../src/gate/page-script.js'
import { MlflowProfile } from '../../src/policy/mlflow.js'
import { request, startUpstream } from '../support/gate.js'
import { WebClient } from '../support/web-client.js'
import { startLab } from './pages/support.js'

const TAIL = '<script src="/.htgate/session.js" defer></script>'
const PAGE = '<!doctype html><html><head><title>MLflow</title></head><body>ü</body></html>'
const document = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'accept-encoding': 'gzip' }

test('MLflow’s page is recognized below any prefix; its data, artifacts and assets are not', () => {
  const profile = new MlflowProfile()
  for (const path of ['/', '/mlflow/', '/a/b/', '//']) expect(profile.isPage(path)).toBe(true)
  for (const path of [
    ...['/get-artifact', '/ajax-api/2.0/mlflow/get-artifact', '/api/2.0/mlflow/runs/search/', '/graphql'],
    ...['/static-files/index.html', '/health', '/index.html', '/ajax-api/', '/x/api/2.0/'],
  ]) {
    expect(profile.isPage(path), path).toBe(false)
  }
})

test('applies to pages opened by a browser with a session', () => {
  const script = new PageScript((path) => path === '/')
  const headers = { fetchDest: 'document', cookie: 'a=1; __Host-htgate=x', authorization: undefined }
  const page = { method: 'GET', target: '/?a=1', headers }
  const concerns = (changes: object, more: object = {}) =>
    script.concerns({ ...page, ...more, headers: { ...headers, ...changes } } as never)
  expect(concerns({})).toBe(true)
  expect(concerns({ cookie: 'htgate=x' })).toBe(true)
  for (const changes of [
    ...[{ fetchDest: undefined }, { fetchDest: 'empty' }, { fetchDest: 'iframe' }, { cookie: undefined }],
    ...[{ cookie: 'theme=dark' }, { cookie: 'htgate-login-x=1' }, { authorization: 'Basic x' }],
  ]) {
    expect(concerns(changes), JSON.stringify(changes)).toBe(false)
  }
  expect(concerns({}, { method: 'HEAD' })).toBe(false)
  expect(concerns({}, { target: '/other' })).toBe(false)
})

describe('through a gate', () => {
  async function start(args: readonly string[] = []) {
    const seen: Record<string, unknown>[] = []
    const upstream = await startUpstream((request, response) => {
      seen.push(request.headers)
      const { searchParams } = new URL(request.url as string, 'http://x')
      const headers = Object.fromEntries(searchParams)
      response.setHeader('etag', '"1"')
      for (const [name, value] of Object.entries(headers))
        if (name !== 'chunked') response.setHeader(name, value)
      if (!searchParams.has('content-type')) response.setHeader('content-type', 'text/html; charset=utf-8')
      if (!searchParams.has('chunked')) response.setHeader('content-length', Buffer.byteLength(PAGE))
      response.end(PAGE)
    })
    const { gate, logIn } = await startLab({ args: ['--app', 'mlflow', '--upstream', upstream.url, ...args] })
    const { client } = await logIn('/.htgate/')
    const cookie = `htgate=${client.cookie(gate.url, 'htgate')}`
    const get = (path: string, headers: Record<string, string> = document) =>
      request(gate.url + path, { headers: { cookie, ...headers } })
    return { get, seen, gate }
  }

  test('the page ends with the script, with the right length and no validators from the upstream', async () => {
    const { get, seen } = await start()
    const conditional = { ...document, 'if-none-match': '"1"', range: 'bytes=0-1' }
    for (const path of ['/', '/?chunked=1', '/prefix/']) {
      const answer = await get(path, conditional)
      expect(answer).toMatchObject({ status: 200, body: PAGE + TAIL })
      if (!path.includes('chunked')) {
        expect(Number(answer.headers['content-length'])).toBe(Buffer.byteLength(PAGE + TAIL))
      }
      expect(answer.headers).not.toHaveProperty('etag')
      for (const name of ['accept-encoding', 'if-none-match', 'range']) {
        expect(seen.at(-1)).not.toHaveProperty(name)
      }
    }
  })

  test('everything else passes unchanged', async () => {
    const { get, seen } = await start()
    for (const path of [
      ...['/?content-type=text/plain', '/?content-encoding=x-own', '/?content-disposition=attachment'],
      ...['/?cache-control=no-transform', '/get-artifact?path=x.html', '/static-files/x.html'],
    ]) {
      const answer = await get(path)
      expect(answer, path).toMatchObject({ status: 200, body: PAGE })
      expect(answer.headers.etag, path).toBe('"1"')
    }
    const data = await get('/', {
      'sec-fetch-mode': 'cors',
      'sec-fetch-dest': 'empty',
      'if-none-match': '"1"',
    })
    expect(data.body).toBe(PAGE)
    expect(seen.at(-1)).toMatchObject({ 'if-none-match': '"1"' })
  })

  test('--session-script off disables it', async () => {
    const { get } = await start(['--session-script', 'off'])
    expect((await get('/')).body).toBe(PAGE)
  })

  test('the script asks whether the session has ended', async () => {
    const { get, gate } = await start()
    expect((await get('/.htgate/session.js')).headers['content-type']).toMatch(/^text\/javascript/)
    expect(JSON.parse((await get('/.htgate/session')).body)).toEqual({ loggedIn: true })
    const stranger = await new WebClient({}).get(`${gate.url}/.htgate/session`)
    expect(JSON.parse(stranger.body)).toEqual({ loggedIn: false })
    expect(stranger.headers.get('cache-control')).toBe('no-store')
  })
})

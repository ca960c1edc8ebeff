import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { SessionProvider } from '../../src/auth/sessions/provider.js'
import { Seals } from '../../src/auth/sessions/seal.js'
import { ConfiguredGroups } from '../../src/auth/sessions/session.js'
import { type Certificate, makeCertificate } from '../support/certificate.js'
import { type Echo, type Seen, startEcho } from '../support/echo.js'
import { startHtgate } from '../support/htgate.js'
import { CLIENT_ID, CLIENT_SECRET, openOidcProvider, type RealIssuer } from '../support/issuers.js'
import { describeWith } from '../support/peers.js'
import { basic } from '../support/requests.js'
import { htpasswd } from '../support/run.js'
import type { Server } from '../support/servers.js'
import { type Fetch, formsIn, NAVIGATION, type Page, WebClient } from '../support/web-client.js'
import { frontsWithIssuer, spellings } from './fronts.js'

// The files in deploy/ for OpenID Connect, run by the real proxies: people log in at a real issuer, programs send tokens, and no
// request bypasses the login.

const NAME = 'mlflow.example.com'
const SITE = `https://${NAME}`
const SECRET = 'a session secret of more than 32 characters'
/** Where MLflow's page gets its runs from. */
const RUNS = '/ajax-api/2.0/mlflow/runs/search'

let folder: string
let certificate: Certificate
let echo: Echo
let issuer: RealIssuer
let htgate: Server
let around: { upstream: number; htgate: number; passwords: string; certificate: Certificate }
let clients = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'htgate-fronts-oidc-'))
  chmodSync(folder, 0o755)
  certificate = makeCertificate(folder, NAME)
  const [passwords, secret, session] = ['htpasswd', 'client', 'session'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  await htpasswd(['-cbB', passwords, 'alice', 'secret'])
  writeFileSync(secret, CLIENT_SECRET)
  writeFileSync(session, SECRET)
  echo = await startEcho()
  issuer = await openOidcProvider({
    redirectUris: [`${SITE}/.htgate/callback`],
    logoutUris: [`${SITE}/.htgate/logged-out`],
    users: {
      ann: { password: 'ann-pw', groups: ['ml-team', 'other'] },
      bob: { password: 'bob-pw', groups: ['guests'] },
    },
  })
  // Started as the files tell.
  htgate = await startHtgate([
    ...['--forward-auth', '--trust-proxy', 'loopback', '--file', passwords, '--login-failures', '2'],
    ...['--oidc-issuer', issuer.url, '--oidc-client-id', CLIENT_ID, '--oidc-client-secret-file', secret],
    ...['--session-secret-file', session, '--token-file', join(folder, 'tokens')],
    ...['--writers', 'group:ml-team', '--readers', '*'],
  ])
  around = { upstream: echo.port, htgate: htgate.port, passwords, certificate }
})

afterAll(async () => {
  await htgate?.stop()
  await issuer?.stop()
  await echo?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Sends requests for the site to the proxy, as DNS would, and others to their own hosts. */
function through({ port }: Server, localAddress = `127.0.0.${10 + ++clients}`): Fetch {
  return async (url, init) => {
    const { host, pathname, search } = new URL(url)
    if (host !== NAME) return fetch(url, init)
    const sent = request({
      ...{ host: '127.0.0.1', port, servername: NAME, ca: certificate.ca, agent: false, localAddress },
      ...{ method: init.method, path: pathname + search, headers: { host, ...init.headers } },
    })
    const [response] = (await once(sent.end(init.body), 'response')) as [IncomingMessage]
    let body = ''
    for await (const part of response.setEncoding('utf8')) body += part
    const headers = new Headers()
    for (let i = 0; i < response.rawHeaders.length; i += 2)
      headers.append(response.rawHeaders[i] as string, response.rawHeaders[i + 1] as string)
    return { status: response.statusCode as number, headers, text: async () => body }
  }
}

const seen = ({ body }: Page): Seen => JSON.parse(body) as Seen

describeWith(['nginx', 'caddy', 'traefik', 'openssl'], 'behind a proxy with forward-auth', () => {
  const all = frontsWithIssuer.map((front) => {
    let server: Server
    const start = async () => {
      const own = join(folder, front.program)
      mkdirSync(own)
      server = await front.start({ folder: own, ...around })
    }
    return { name: front.name, server: () => server, start }
  })
  beforeAll(async () => {
    await Promise.all(all.map(({ start }) => start()))
  })
  afterAll(() => Promise.all(all.map(({ server }) => server()?.stop())))

  describe.each(all)('$name', ({ name, server }) => {
    const browser = () => new WebClient(NAVIGATION, through(server()))
    const program = (headers: Record<string, string> = {}) =>
      new WebClient(
        { accept: '*/*', 'user-agent': 'mlflow-python-client/3.6.0', ...headers },
        through(server()),
      )

    async function logIn(path = '/', user = 'ann'): Promise<{ client: WebClient; page: Page }> {
      const client = browser()
      const login = await client.open(SITE + path)
      return { client, page: await issuer.logIn(client, login, user, `${user}-pw`) }
    }

    test('a person is redirected to the issuer and back to the page with its query; the upstream gets the name', async () => {
      const client = browser()
      client.setCookie(SITE, 'theme', 'dark')
      const first = await client.get(`${SITE}/?id=1&b=%2F`)
      expect(first.status).toBe(302)
      expect(first.headers.get('location')).toBe(`${SITE}/.htgate/login?return=%2F%3Fid%3D1%26b%3D%252F`)
      const login = await client.open(first.url)
      expect(login.url.startsWith(issuer.url)).toBe(true)
      const page = await issuer.logIn(client, login, 'ann', 'ann-pw')
      expect(page).toMatchObject({ status: 200, url: `${SITE}/?id=1&b=%2F` })
      const { url, headers } = seen(page)
      expect(url).toBe('/?id=1&b=%2F')
      expect(headers).toMatchObject({
        host: NAME,
        'x-forwarded-user': 'ann',
        'x-forwarded-groups': 'ml-team',
        'x-forwarded-proto': 'https',
        cookie: expect.stringContaining('theme=dark'),
      })
      expect(client.cookies.get(NAME)?.get('__Host-htgate')?.attributes).toMatch(
        /^Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure$/,
      )
      expect([...(client.cookies.get(NAME)?.keys() ?? [])].sort()).toEqual(['__Host-htgate', 'theme'])
    })

    test('the upstream gets the other cookies unchanged, and neither session nor token', async () => {
      const { client } = await logIn()
      const value = client.cookie(SITE, '__Host-htgate') as string
      for (const [sent, kept] of [
        [`__Host-htgate=${value}`, undefined],
        [`a=1; __Host-htgate=${value}; b=2`, /^a=1;\s*b=2$/],
        [`__Host-htgate=${value}; b=2`, /^b=2$/],
        [`a=1; __Host-htgate=${value}`, /^a=1;?\s*$/],
        [`a=1; x__Host-htgate=2; __Host-htgate=${value}`, /^a=1; x__Host-htgate=2;?\s*$/],
        [`__Host-htgate-login-abcdefgh=x; __Host-htgate=${value}; c=3`, /^c=3$/],
      ] as const) {
        const page = await program().get(`${SITE}/`, { cookie: sent })
        expect(page.status, sent).toBe(200)
        const { headers } = seen(page)
        expect(JSON.stringify(headers)).not.toContain(value)
        if (kept === undefined) expect(headers.cookie ?? '').toBe('')
        else expect(headers.cookie).toMatch(kept)
        expect(headers).not.toHaveProperty('authorization')
      }
    })

    test('MLflow’s page and client get 401 in JSON, never HTML or a redirect', async () => {
      const xhr = {
        accept: '*/*',
        'sec-fetch-mode': 'cors',
        'sec-fetch-dest': 'empty',
        'sec-fetch-site': 'same-origin',
      }
      const path = `${RUNS}?from=${name.split(',', 1)}`
      for (const [headers, offered] of [
        [{ 'user-agent': 'mlflow-python-client/3.6.0', accept: '*/*' }, /^Basic realm=/],
        [{ accept: 'application/json' }, /^Basic realm=/],
        [{ 'user-agent': 'Mozilla/5.0', ...xhr }, /^Bearer realm=/],
      ] as const) {
        const answer = await program(headers).post(SITE + path, {})
        expect(answer.status).toBe(401)
        expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
        expect(JSON.parse(answer.body)).toMatchObject({ error_code: 'UNAUTHENTICATED' })
        expect(answer.headers.get('www-authenticate')).toMatch(offered)
      }
      expect(echo.targets).not.toContain(path)
    })

    test('clients cannot choose their name with a header, however it is spelled', async () => {
      const { client } = await logIn()
      const cookie = `__Host-htgate=${client.cookie(SITE, '__Host-htgate')}`
      const claims = Object.fromEntries(
        spellings('x-forwarded-user', 'x-forwarded-groups', 'x-remote-user', 'remote-user').map((each) => [
          each,
          'root',
        ]),
      )
      const page = await program().get(`${SITE}/`, { ...claims, cookie })
      expect(page.status).toBe(200)
      expect(page.body).not.toContain('root')
      expect(seen(page).headers['x-forwarded-user']).toBe('ann')
      const without = await program().get(`${SITE}/forged`, claims)
      expect(without.status).toBe(401)
      expect(echo.targets).not.toContain('/forged')
    })

    test('clients cannot choose the request judged, or the login’s target, with a header', async () => {
      const { client } = await logIn('/', 'bob')
      const cookie = `__Host-htgate=${client.cookie(SITE, '__Host-htgate')}`
      const write = '/api/2.0/mlflow/experiments/create'
      const before = echo.targets.length
      const forged = [
        { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/' },
        { 'x-original-method': 'GET', 'x-original-uri': '/' },
        { 'x-original-method': 'GET', 'x-original-url': '/' },
        { x_forwarded_method: 'GET', x_forwarded_uri: '/' },
        { 'x-http-method-override': 'GET' },
      ] as Record<string, string>[]
      for (const headers of [{}, ...forged]) {
        const { status } = await program(headers).post(SITE + write, {}, { cookie })
        expect(status, JSON.stringify(headers)).toBeGreaterThanOrEqual(400)
      }
      expect(echo.targets.length).toBe(before)
      for (const headers of [
        ...forged,
        { 'x-forwarded-host': 'evil.example' },
        { x_forwarded_host: 'evil.example' },
        { 'x-forwarded-proto': 'http' },
        { forwarded: 'host=evil.example;proto=http' },
      ] as Record<string, string>[]) {
        const login = await browser().get(`${SITE}/.htgate/login?return=%2F`, headers)
        expect(login.status, JSON.stringify(headers)).toBe(302)
        const sent = new URL(login.headers.get('location') as string)
        expect(sent.searchParams.get('redirect_uri')).toBe(`${SITE}/.htgate/callback`)
        expect(login.headers.get('set-cookie')).toMatch(/; Secure$/)
        const led = await browser().get(`${SITE}/page`, headers)
        expect([302, 400, 403]).toContain(led.status)
        const to = led.headers.get('location')
        if (to !== null) expect(to).toMatch(/^https:\/\/mlflow\.example\.com\/\.htgate\/login\?/)
      }
    })

    test('a reader cannot write, and another site’s page cannot act', async () => {
      const { client: bob } = await logIn('/', 'bob')
      expect((await bob.get(`${SITE}/`)).status).toBe(200)
      const write = `${SITE}/api/2.0/mlflow/experiments/create`
      const before = echo.targets.length
      expect((await bob.post(write, {})).status).toBe(403)
      const { client: ann } = await logIn()
      const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
      const count = echo.targets.length
      expect((await ann.post(write, {}, foreign)).status).toBe(403)
      expect(echo.targets.length).toBe(count)
      expect(echo.targets.length).toBeGreaterThanOrEqual(before)
    })

    test('an old session is renewed silently when a page is opened', async () => {
      const { client } = await logIn()
      const old = new SessionProvider({
        seals: new Seals([SECRET], `${issuer.url}\n${CLIENT_ID}`),
        groups: new ConfiguredGroups(['ml-team']),
        ttl: 3_600_000,
        now: () => Date.now() - 1_800_000,
      }).begin({ name: 'ann', provider: 'oidc', groups: [] })
      client.setCookie(SITE, '__Host-htgate', old)
      const asked = client.visited.length
      const page = await client.open(`${SITE}/?a=1`)
      expect(page).toMatchObject({ status: 200, url: `${SITE}/?a=1` })
      expect(seen(page).headers['x-forwarded-groups']).toBe('ml-team')
      expect(client.visited.slice(asked).some((url) => url.includes('prompt=none'))).toBe(true)
      expect(client.cookie(SITE, '__Host-htgate')).not.toBe(old)
    })

    test('an expired session leads to the login, and its cookie is removed', async () => {
      const client = browser()
      client.setCookie(SITE, '__Host-htgate', 'AQIDBA')
      const page = await client.get(`${SITE}/`)
      expect(page.status).toBe(302)
      expect(client.cookie(SITE, '__Host-htgate')).toBeUndefined()
    })

    test('the gate’s own pages: a token is created, works, and is revoked; a logout ends the session', async () => {
      const { client } = await logIn('/.htgate/')
      const account = await client.get(`${SITE}/.htgate/`)
      expect(account.body).toContain('<dd>ann</dd>')
      const form = formsIn(account).findIndex(({ action }) => action.endsWith('/tokens'))
      const made = await client.submit(account, { name: 'laptop', role: 'write', days: '7' }, form)
      expect(made.body).toContain(`export MLFLOW_TRACKING_URI=${SITE}\n`)
      const token = /htg_\w+/.exec(made.body)?.[0] as string
      const ways = [`Bearer ${token}`, basic('ann', token)]
      for (const authorization of ways) {
        const sent = await program({ authorization }).post(SITE + RUNS, {})
        expect(sent.status).toBe(200)
        expect(seen(sent).headers).toMatchObject({ 'x-forwarded-user': 'ann' })
        expect(sent.body).not.toContain(token)
      }
      const list = await client.get(`${SITE}/.htgate/`)
      const revoke = formsIn(list).findIndex(({ action }) => action.endsWith('/revoke'))
      expect((await client.submit(list, {}, revoke)).body).toContain('Token revoked.')
      await vi.waitFor(
        async () =>
          expect((await program({ authorization: ways[0] as string }).post(SITE + RUNS, {})).status).toBe(
            401,
          ),
        { timeout: 30_000 },
      )

      const value = client.cookie(SITE, '__Host-htgate') as string
      const last = await client.get(`${SITE}/.htgate/`)
      const out = formsIn(last).findIndex(({ action }) => action.endsWith('/logout'))
      const after = await client.submit(last, {}, out)
      expect(client.visited.some((url) => url.includes('/session/end?'))).toBe(true)
      expect(after.status).toBe(200)
      expect(client.cookie(SITE, '__Host-htgate')).toBeUndefined()
      const thief = browser()
      thief.setCookie(SITE, '__Host-htgate', value)
      expect((await thief.get(`${SITE}/`)).status).toBe(302)
    })

    test('error pages of the gate are shown unchanged', async () => {
      const callback = await browser().get(`${SITE}/.htgate/callback?code=x&state=y`)
      expect(callback.status).toBe(400)
      expect(callback.body).toContain('Not logged in')
      const password = await browser().get(`${SITE}/.htgate/password`)
      expect(password.status).toBe(401)
      expect(password.headers.get('www-authenticate')).toMatch(/^Basic realm=/)
      expect((await browser().get(`${SITE}/.htgate/nothing`)).status).toBe(404)
      for (const path of ['//evil.example', '/%5Cevil.example', '/.htgate/..%2f..%2f/evil.example']) {
        const login = await browser().get(`${SITE}/.htgate/login?return=${encodeURIComponent(path)}`)
        expect(login.status).toBe(302)
        expect(login.headers.get('location')).toMatch(issuer.url)
      }
    })

    test('too many failed logins are shown as 429 with Retry-After', async () => {
      const client = program()
      const guess = (n: number) => client.get(`${SITE}/`, { authorization: basic('alice', `wrong-${n}`) })
      expect([(await guess(1)).status, (await guess(2)).status]).toEqual([401, 401])
      const last = await guess(3)
      expect(last.status).toBe(429)
      expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(JSON.parse(last.body)).toMatchObject({ error_code: 'REQUEST_LIMIT_EXCEEDED' })
    })
  })

  test('while the issuer is down, a login gets a 503 page, and programs still work', async () => {
    await issuer.stop()
    for (const { server } of all) {
      // The gate asks again when the last answer is ten seconds old.
      await vi.waitFor(
        async () => {
          const page = await new WebClient(NAVIGATION, through(server())).open(`${SITE}/`)
          expect(page.status).toBe(503)
          expect(page.body).toContain('is not responding')
          expect(page.headers.get('retry-after')).toBe('10')
        },
        { timeout: 30_000, interval: 500 },
      )
      const authorization = basic('alice', 'secret')
      const program = new WebClient({ accept: '*/*', authorization }, through(server()))
      expect((await program.get(`${SITE}/`)).status).toBe(200)
    }
  })

  test('while htgate is down, all clients get a 503', async () => {
    await htgate.stop()
    for (const { server } of all) {
      const page = await new WebClient(NAVIGATION, through(server())).get(`${SITE}/htgate-is-down`)
      expect([500, 502, 503]).toContain(page.status)
      expect(
        (await new WebClient(NAVIGATION, through(server())).get(`${SITE}/.htgate/`)).status,
      ).toBeGreaterThanOrEqual(502)
    }
    expect(echo.targets).not.toContain('/htgate-is-down')
  })
})

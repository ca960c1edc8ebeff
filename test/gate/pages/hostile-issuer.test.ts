import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportSPKI, generateKeyPair, importJWK } from 'jose'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { type Gate, startGate, startUpstream, type Upstream, until, valuesOf } from '../../support/gate.js'
import { type SignOptions, startIssuer, type TestIssuer } from '../../support/issuer.js'
import { freePort } from '../../support/servers.js'
import { type Page, WebClient } from '../../support/web-client.js'

// Browser logins at an issuer that may respond with anything. A response that is not for this login, or has no safe name, is
// rejected: no session begins.

const SECRET = 'a-secret-of-the-client-0123456789'
const seconds = () => Math.floor(Date.now() / 1000)

interface Answer {
  readonly claims?: Record<string, unknown>
  readonly options?: SignOptions
  /** In place of the whole answer of the token endpoint. */
  readonly reply?: { readonly status?: number; readonly body: string; readonly type?: string }
  /** Changes the callback's query. */
  readonly query?: (query: URLSearchParams) => void
  readonly client?: WebClient
  readonly userinfo?: Record<string, unknown>
}

interface Subject {
  readonly gate: Gate
  readonly issuer: TestIssuer
  readonly upstream: Upstream
  /** Logs in, with this answer of the issuer. */
  readonly logIn: (answer?: Answer) => Promise<{ page: Page; client: WebClient; cookie: string | undefined }>
  /** Begins a login, and returns how to end it. */
  readonly begin: (client: WebClient, returnTo?: string) => Promise<(answer?: Answer) => Promise<Page>>
}

async function subject(args: readonly string[] = []): Promise<Subject> {
  const issuer = await startIssuer()
  const upstream = await startUpstream()
  const folder = temporaryFolder()
  const [client, session] = [join(folder, 'client'), join(folder, 'session')]
  writeFileSync(client, SECRET)
  writeFileSync(session, 'a session secret of more than 32 characters')
  const port = await freePort()
  const gate = await startGate({
    upstream: upstream.url,
    file: null,
    listen: `127.0.0.1:${port}`,
    args: [
      ...['--oidc-issuer', issuer.url, '--oidc-client-id', 'mlflow', '--oidc-client-secret-file', client],
      ...['--session-secret-file', session, '--app', 'none', '--writers', 'group:ml-team', '--readers', '*'],
      ...args,
    ],
  })
  const begin: Subject['begin'] = async (browser, returnTo = '/runs?a=1') => {
    const login = await browser.get(`${gate.url}/.htgate/login?return=${encodeURIComponent(returnTo)}`)
    const sent = new URL(login.headers.get('location') as string).searchParams
    return async ({ claims = {}, options, reply, query, userinfo } = {}) => {
      issuer.answers.set('/token', async (_, response) => {
        if (reply) {
          const { status = 200, type = 'application/json', body } = reply
          return response.writeHead(status, { 'content-type': type }).end(body)
        }
        const usual = {
          aud: 'mlflow',
          nonce: sent.get('nonce'),
          preferred_username: 'ann',
          groups: ['ml-team'],
        }
        const id_token = await issuer.sign({ ...usual, ...claims }, options)
        const tokens = { access_token: 'opaque', token_type: 'Bearer', expires_in: 60, id_token }
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(tokens))
      })
      issuer.answers.set('/userinfo', (_, response) =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify(userinfo ?? { sub: 'u-1' })),
      )
      const back = new URLSearchParams({
        code: 'a-code',
        state: sent.get('state') as string,
        iss: issuer.url,
      })
      query?.(back)
      return browser.get(`${gate.url}/.htgate/callback?${back}`)
    }
  }
  const logIn: Subject['logIn'] = async (answer = {}) => {
    const browser = answer.client ?? new WebClient()
    const page = await (await begin(browser))(answer)
    return { page, client: browser, cookie: browser.cookie(gate.url, 'htgate') }
  }
  return { gate, issuer, upstream, logIn, begin }
}

afterEach(() => void vi.useRealTimers())

async function expectRefused(
  { gate, upstream, logIn }: Subject,
  answer: Answer,
  status = 403,
): Promise<void> {
  const { page, cookie, client } = await logIn(answer)
  expect(page.status).toBe(status)
  expect(page.headers.get('location')).toBeNull()
  expect(cookie).toBeUndefined()
  expect((await client.get(`${gate.url}/runs`)).status).toBe(302)
  expect(upstream.seen).toEqual([])
  await until(() => gate.output().includes('login at the issuer failed: '), gate.output)
}

test('a valid response begins a session for exactly its user and groups', async () => {
  const { gate, upstream, logIn } = await subject()
  const { page, client } = await logIn()
  expect(page).toMatchObject({ status: 302 })
  expect(page.headers.get('location')).toBe('/runs?a=1')
  expect((await client.get(`${gate.url}/runs`)).status).toBe(200)
  expect(valuesOf(upstream.seen.at(-1), 'x-forwarded-user')).toEqual(['ann'])
  expect(valuesOf(upstream.seen.at(-1), 'x-forwarded-groups')).toEqual(['ml-team'])
})

describe('rejected ID tokens', () => {
  test.each<[string, Answer]>([
    ['of another client, by azp', { claims: { azp: 'other' } }],
    ['of another client, by azp beside ours', { claims: { aud: ['mlflow', 'other'], azp: 'other' } }],
    ['for several, without azp', { claims: { aud: ['mlflow', 'other'] } }],
    ['for another audience', { claims: { aud: 'other' } }],
    ['without audience', { claims: { aud: undefined } }],
    ['of another issuer', { claims: { iss: 'https://evil.example' } }],
    ['of the issuer with an extra slash', { claims: { iss: 'http://127.0.0.1/' } }],
    ['expired', { claims: { iat: seconds() - 3600, exp: seconds() - 61 } }],
    ['without exp', { claims: { exp: undefined } }],
    ['without iat', { claims: { iat: undefined } }],
    ['issued tomorrow', { claims: { iat: seconds() + 86_400, exp: seconds() + 90_000 } }],
    ['not valid yet', { claims: { nbf: seconds() + 3600 } }],
    ['without a subject', { claims: { sub: undefined } }],
    ['for another login, by its nonce', { claims: { nonce: 'another' } }],
    ['for no login, without a nonce', { claims: { nonce: undefined } }],
  ])('%s', async (_, answer) => {
    await expectRefused(await subject(), answer)
  })

  test('alg none, HS256 with the public key or the client’s secret, and another key', async () => {
    const lab = await subject()
    const pem = await exportSPKI((await importJWK(lab.issuer.publicKey, 'ES256')) as never)
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    for (const options of [
      { header: { alg: 'HS256' }, key: new TextEncoder().encode(pem) },
      { header: { alg: 'HS256' }, key: new TextEncoder().encode(SECRET) },
      { key: privateKey },
    ] as SignOptions[]) {
      await expectRefused(lab, { options })
    }
    const good = await lab.issuer.sign({ aud: 'mlflow' })
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url')
    for (const id_token of [`${none}.${good.split('.')[1]}.`, 'x', '']) {
      const body = JSON.stringify({ access_token: 'opaque', token_type: 'Bearer', id_token })
      await expectRefused(lab, { reply: { body } })
    }
  })

  test('a clock that is off by a minute is tolerated', async () => {
    const { logIn } = await subject()
    for (const claims of [
      { iat: seconds() + 50, nbf: seconds() + 50, exp: seconds() + 300 },
      { iat: seconds() - 300, exp: seconds() - 50 },
    ]) {
      const { page, cookie } = await logIn({ claims })
      expect(page.status).toBe(302)
      expect(cookie).toBeDefined()
    }
  })
})

describe('claims', () => {
  test.each<[string, unknown]>([
    ['CR LF and a header', 'ann\r\nX-Forwarded-User: root'],
    ['CR LF and a cookie', 'ann\r\nSet-Cookie: htgate=x'],
    ['LF', 'ann\nroot'],
    ['NUL', 'ann\0'],
    ['a line separator', 'ann\u2028root'],
    ['10 kB', 'x'.repeat(10_000)],
    ['half a surrogate pair', 'a\ud800'],
    ['spaces around it', ' ann'],
    ['nothing', ''],
    ['a list', ['ann']],
    ['an object', { toString: 'ann' }],
    ['a number', 7],
    ['the form of a program’s name', 'sub:u-2'],
  ])('a name with %s is rejected', async (_, preferred_username) => {
    const lab = await subject()
    await expectRefused(lab, { claims: { preferred_username } })
    expect(lab.gate.output()).not.toContain('x'.repeat(300))
  })

  test('a missing name is rejected', async () => {
    await expectRefused(await subject(), { claims: { preferred_username: undefined } })
  })

  test('userinfo of another subject is rejected', async () => {
    const claims = { preferred_username: undefined }
    await expectRefused(await subject(), { claims, userinfo: { sub: 'u-2', preferred_username: 'root' } })
  })

  test('an unverified e-mail address is rejected', async () => {
    const lab = await subject(['--oidc-user-claim', 'email'])
    await expectRefused(lab, { claims: { email: 'ann@example.org', email_verified: false } })
    const { page } = await lab.logIn({ claims: { email: 'ann@example.org', email_verified: true } })
    expect(page.status).toBe(302)
  })

  test('a name beyond ASCII arrives as UTF-8', async () => {
    const { gate, upstream, logIn } = await subject()
    const { client } = await logIn({ claims: { preferred_username: 'Zoë Ångström 李' } })
    expect((await client.get(`${gate.url}/`)).status).toBe(200)
    const [sent] = valuesOf(upstream.seen.at(-1), 'x-forwarded-user')
    expect(Buffer.from(sent as string, 'latin1').toString()).toBe('Zoë Ångström 李')
  })

  test('200 groups, some malformed: the session holds those named in rules, and stays small', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `department-of-machine-learning-${i}`)
    const { gate, upstream, logIn } = await subject(
      names.slice(0, 150).flatMap((name) => ['--writers', `group:${name}`]),
    )
    const hostile = [
      'ml-team\r\nX-Forwarded-User: root',
      '',
      'x'.repeat(10_000),
      7,
      null,
      ['ml-team'],
      '\ud800',
    ]
    const { client, cookie, page } = await logIn({ claims: { groups: [...hostile, ...names] } })
    expect(page.status).toBe(302)
    expect(`__Host-htgate=${cookie}`.length).toBeLessThan(500)
    expect((await client.get(`${gate.url}/`)).status).toBe(200)
    const [groups] = valuesOf(upstream.seen.at(-1), 'x-forwarded-groups')
    expect(groups?.split(',').sort()).toEqual(names.slice(0, 150).sort())
  })
})

describe('a response of the token endpoint that is rejected', () => {
  test.each<[string, Answer['reply'], number]>([
    ['an invalid code', { status: 400, body: '{"error":"invalid_grant"}' }, 403],
    ['HTML', { body: '<h1>hello</h1>', type: 'text/html' }, 403],
    ['a server error', { status: 500, body: '{}' }, 503],
    ['a redirect', { status: 302, body: '' }, 503],
    ['two megabytes', { body: JSON.stringify({ x: 'x'.repeat(2 << 20) }) }, 503],
    ['no ID token', { body: '{"access_token":"x","token_type":"Bearer"}' }, 403],
  ])('%s', async (_, reply, status) => {
    await expectRefused(await subject(), { reply: reply as NonNullable<Answer['reply']> }, status)
  })
})

describe('issuer mix-up', () => {
  test('a response with another issuer’s name, or two names, is rejected', async () => {
    const lab = await subject()
    await expectRefused(lab, { query: (query) => query.set('iss', 'https://evil.example') })
    await expectRefused(lab, { query: (query) => query.append('iss', 'https://evil.example') })
    expect(lab.issuer.asked).not.toContain('/token')
  })

  test('if the issuer announces `iss`, a response without it is rejected', async () => {
    const lab = await subject()
    const metadata = { authorization_response_iss_parameter_supported: true }
    lab.issuer.metadata = metadata
    const other = await startIssuer()
    other.metadata = metadata
    const folder = temporaryFolder()
    writeFileSync(join(folder, 's'), 'a session secret of more than 32 characters')
    const gate = await startGate({
      upstream: lab.upstream.url,
      file: null,
      args: [
        '--oidc-issuer',
        other.url,
        '--oidc-client-id',
        'mlflow',
        '--session-secret-file',
        join(folder, 's'),
      ],
    })
    const client = new WebClient()
    const login = await client.get(`${gate.url}/.htgate/login`)
    const state = new URL(login.headers.get('location') as string).searchParams.get('state')
    const page = await client.get(`${gate.url}/.htgate/callback?code=x&state=${state}`)
    expect(page.status).toBe(403)
    expect(other.asked).not.toContain('/token')
  })

  test('an issuer trusted for programs cannot log in browsers', async () => {
    const ci = await startIssuer()
    const lab = await subject(['--oidc-trust', `issuer=${ci.url},audience=mlflow,role=admin`])
    for (const iss of [ci.url, lab.issuer.url]) {
      const id_token = await ci.sign({ iss, aud: 'mlflow', preferred_username: 'root' })
      const body = JSON.stringify({ access_token: 'opaque', token_type: 'Bearer', id_token })
      await expectRefused(lab, { reply: { body } })
    }
  })
})

describe('a login in progress', () => {
  test('succeeds after an hour, and has expired after half a day', async () => {
    const { gate, begin } = await subject()
    const client = new WebClient()
    const [soon, late] = [await begin(client, '/runs?a=1#b'), await begin(client)]
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
    const page = await soon()
    expect(page.status).toBe(302)
    expect(page.headers.get('location')).toBe('/runs?a=1#b')
    vi.setSystemTime(Date.now() + 12 * 3_600_000)
    client.cookies.get(new URL(gate.url).host)?.delete('htgate')
    expect((await late()).status).toBe(400)
  })

  test('sends its code to the issuer once, even if the browser repeats the callback', async () => {
    const { gate, issuer, begin } = await subject()
    const client = new WebClient()
    const finish = await begin(client)
    expect((await finish()).headers.get('location')).toBe('/runs?a=1')
    for (let i = 0; i < 3; i++) expect((await finish()).headers.get('location')).toBe('/')
    expect(issuer.asked.filter((path) => path === '/token')).toHaveLength(1)
    // And without its session, as in another browser.
    client.cookies.get(new URL(gate.url).host)?.clear()
    expect((await finish()).status).toBe(400)
    expect(issuer.asked.filter((path) => path === '/token')).toHaveLength(1)
  })

  test('a planted session is replaced', async () => {
    const { gate, logIn } = await subject()
    const { cookie: planted } = await logIn({ claims: { preferred_username: 'mallory' } })
    const victim = new WebClient()
    victim.setCookie(gate.url, 'htgate', planted as string)
    const { cookie } = await logIn({ client: victim })
    expect(cookie).not.toBe(planted)
    const account = await victim.get(`${gate.url}/.htgate/`)
    expect(account.body).toContain('<dd>ann</dd>')
  })

  test('a callback during another login ends neither', async () => {
    const { begin } = await subject()
    const client = new WebClient()
    const [one, two] = [await begin(client, '/one'), await begin(client, '/two')]
    const crossed = await one({ query: (query) => query.set('code', 'x'), claims: { nonce: 'another' } })
    expect(crossed.status).toBe(403)
    expect((await two()).headers.get('location')).toBe('/two')
  })
})

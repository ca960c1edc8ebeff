import { expect, test } from 'vitest'
import { raw, request } from '../../support/gate.js'
import { formsIn, WebClient } from '../../support/web-client.js'
import { startLab } from './support.js'

// Requests by outsiders and other sites' pages to the gate's own pages. Whatever they send, redirects lead only to this host and
// its issuer, nothing is reflected as markup or header, only the gate's own cookies are set, and nothing reaches the upstream.

const MARK = 'zz-mark'
const page = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }

const REQUESTS: readonly (readonly [string, string, string, Record<string, string>?, string?])[] = [
  // Targets to return to.
  ...[
    `//${MARK}.example`,
    `///${MARK}.example`,
    `/%2f%2f${MARK}.example`,
    `%2f%2f${MARK}.example`,
    `/%5c${MARK}.example`,
    `/\\${MARK}.example`,
    `\\\\${MARK}.example`,
    `https:${MARK}.example`,
    `https:///${MARK}.example`,
    `http:/\\${MARK}.example`,
    `/x/../..//${MARK}.example`,
    `/.htgate/../..//${MARK}.example`,
    `/%0d%0aSet-Cookie:%20${MARK}=1`,
    `/\r\nSet-Cookie: ${MARK}=1`,
    `/\tx//${MARK}.example`,
    `javascript:alert('${MARK}')`,
    `data:text/html,<script>${MARK}</script>`,
    `/"><script>${MARK}</script>`,
    `/\u2028//${MARK}.example`,
    `/@${MARK}.example`,
    `.${MARK}.example`,
    `:80@${MARK}.example`,
  ].map(
    (target) =>
      [
        `return to ${JSON.stringify(target)}`,
        'GET',
        `/.htgate/login?return=${encodeURIComponent(target)}`,
      ] as const,
  ),
  ['return twice', 'GET', `/.htgate/login?return=%2Fok&return=%2F%2F${MARK}.example`],
  ['a hostile fragment', 'GET', `/.htgate/login?go=1&fragment=%0d%0aSet-Cookie:${MARK}=1`],
  ['a malformed fragment', 'GET', `/.htgate/login?go=1&fragment=//${MARK}.example`],
  ['a target after a password', 'GET', `/.htgate/password?return=%2F%2F${MARK}.example`],
  // Unsolicited callbacks.
  ['a callback without a login', 'GET', `/.htgate/callback?code=${MARK}&state=x`],
  ['a state with a cookie attribute', 'GET', `/.htgate/callback?code=x&state=%3B%20Path%3D/${MARK}`],
  ['a state with a line break', 'GET', `/.htgate/callback?code=x&state=%0d%0aSet-Cookie:${MARK}=1`],
  ['a state of __proto__', 'GET', '/.htgate/callback?code=x&state=__proto__'],
  ['markup as error', 'GET', `/.htgate/callback?error=<script>${MARK}</script>&error_description=<b>${MARK}`],
  ['a callback as a form', 'POST', '/.htgate/callback', form, `code=${MARK}&state=x`],
  [
    'a forged login cookie',
    'GET',
    '/.htgate/callback?code=x&state=abcdefgh',
    { cookie: 'htgate-login-abcdefgh=AQIDBA' },
  ],
  [
    'a login cookie for __proto__',
    'GET',
    '/.htgate/callback?code=x&state=__proto__',
    { cookie: 'htgate-login-__proto_=x' },
  ],
  ['a session cookie of 8 kB', 'GET', '/.htgate/', { cookie: `htgate=${'A'.repeat(8000)}` }],
  [
    '2,000 cookies',
    'GET',
    '/.htgate/',
    { cookie: Array.from({ length: 2000 }, (_, i) => `a${i}=b`).join('; ') },
  ],
  ['a session cookie twice', 'GET', '/.htgate/', { cookie: 'htgate=x; htgate=y' }],
  ['a session cookie as __Host-', 'GET', '/.htgate/', { cookie: '__Host-htgate=x' }],
  // Names that are not the gate's.
  ['another host', 'GET', '/.htgate/login', { host: `${MARK}.example` }],
  ['a host with markup', 'GET', '/.htgate/login', { host: `"><script>${MARK}` }],
  ['a host with credentials', 'GET', '/.htgate/login', { host: `localhost@${MARK}.example` }],
  ['a host like localhost', 'GET', '/.htgate/login', { host: `localhost.${MARK}.example` }],
  [
    'a forwarded host',
    'GET',
    '/.htgate/login',
    { 'x-forwarded-host': `${MARK}.example`, 'x-forwarded-proto': 'https' },
  ],
  [
    'a forwarded host for forward-auth',
    'GET',
    '/x',
    { 'x-forwarded-host': `${MARK}.example`, 'x-original-uri': '/' },
  ],
  // Forms without their code, and by other methods.
  ['a logout', 'POST', '/.htgate/logout', form, 'code='],
  ['a token', 'POST', '/.htgate/tokens', form, `code=x&name=${MARK}&role=admin&days=90`],
  ['a token by GET', 'GET', `/.htgate/tokens?name=${MARK}&role=admin&days=90`],
  [
    'a token by JSON',
    'POST',
    '/.htgate/tokens',
    { 'content-type': 'application/json' },
    `{"name":"${MARK}"}`,
  ],
  ['a revocation', 'POST', '/.htgate/tokens/revoke', form, 'id=*&code=x'],
  ['a form of 100 kB', 'POST', '/.htgate/tokens', form, `name=${'x'.repeat(100_000)}`],
  ['a login as a form', 'POST', '/.htgate/login', form, 'return=/'],
  ['DELETE', 'DELETE', '/.htgate/'],
  ['an unusual method', 'PURGE', '/.htgate/login'],
  // Other spellings of the gate's path, which the upstream must not get either.
  ...['/.htgate/../', '/.htgate//login', '/.htgate/%2e%2e/', '/.htgate/login/', '/.htgate/x'].map(
    (path) => [`the path ${path}`, 'GET', path] as const,
  ),
]

test('an outsider gets nothing, and none of their input is reflected', async () => {
  const { gate, issuer, upstream } = await startLab()
  expect(REQUESTS.length).toBeGreaterThan(55)
  const own = [new URL(gate.url).host, new URL(issuer.url).host]
  for (const [what, method, path, headers = {}, body] of REQUESTS) {
    const answer = await request(gate.url + path, {
      method,
      headers: { ...page, ...headers },
      ...(body === undefined ? {} : { body }),
    })
    expect(answer.status, what).toBeGreaterThanOrEqual(200)
    expect([500, 502, 504], what).not.toContain(answer.status)
    const { location } = answer.headers
    if (location !== undefined) {
      const { host, protocol, searchParams } = new URL(location, gate.url)
      expect(own, `${what}: ${location}`).toContain(host)
      expect(protocol, what).toBe('http:')
      const back = searchParams.get('redirect_uri')
      if (back !== null) expect(new URL(back).host, what).toBe(own[0])
    }
    expect(answer.body, what).not.toMatch(new RegExp(`<[^>]*${MARK}[^>]*>|<script>${MARK}`))
    for (const [name, value] of answer.rawHeaders) {
      expect(name, what).not.toContain(MARK)
      if (name === 'set-cookie') expect(value, what).toMatch(/^(__Host-)?htgate(-login-[\w-]{1,8})?=/)
    }
  }
  expect(upstream.seen.map(({ url }) => url)).toEqual([])
  // And the next user is served.
  const client = new WebClient()
  const login = await client.open(`${gate.url}/`)
  expect((await issuer.logIn(client, login, 'ann', 'ann-pw')).status).toBe(200)
})

test('another site’s page cannot act with its visitor’s session', async () => {
  const { gate, logIn, tokenFile } = await startLab()
  const { client } = await logIn('/.htgate/')
  const account = await client.get(`${gate.url}/.htgate/`)
  const code = formsIn(account)[0]?.hidden.code as string
  const fields = { name: 'stolen', role: 'read', days: '7' }
  const { client: bob } = await logIn('/.htgate/', 'bob')
  const codeOfBob = formsIn(await bob.get(`${gate.url}/.htgate/`))[0]?.hidden.code as string
  for (const [more, headers] of [
    [{}, {}],
    [{ code: '' }, {}],
    [{ code: codeOfBob }, {}],
    [{ code: code.slice(0, -1) }, {}],
    [{ code }, { origin: 'https://evil.example' }],
    [{ code }, { origin: 'null' }],
    [{ code }, { origin: `${gate.url}.evil.example` }],
    [{ code }, { origin: gate.url.replace('http:', 'https:').replace(/:\d+$/, '') }],
    [{ code }, { 'sec-fetch-site': 'cross-site' }],
    [{ code }, { 'sec-fetch-site': 'same-site' }],
  ] as [Record<string, string>, Record<string, string>][]) {
    const answer = await client.post(`${gate.url}/.htgate/tokens`, { ...fields, ...more }, headers)
    expect(answer.status, JSON.stringify([more, headers])).toBe(403)
    expect(answer.body).not.toContain('htg_')
  }
  expect((await client.get(`${gate.url}/.htgate/`)).body).not.toContain('stolen')
  expect(tokenFile).toBeTruthy()
  const good = await client.post(`${gate.url}/.htgate/tokens`, { ...fields, code }, { origin: gate.url })
  expect(good.status).toBe(201)
})

test('a token’s name is shown as text', async () => {
  const { gate, logIn } = await startLab()
  const { client } = await logIn('/.htgate/')
  const code = formsIn(await client.get(`${gate.url}/.htgate/`))[0]?.hidden.code as string
  for (const name of ['"><script>alert(1)</script>', '\u202eevil', "'><img src=x>", '&lt;b&gt;', 'a\r\nb']) {
    const answer = await client.post(`${gate.url}/.htgate/tokens`, { name, role: 'read', days: '7', code })
    expect(answer.body).not.toMatch(/<script>alert|<img/)
  }
  const list = await client.get(`${gate.url}/.htgate/`)
  expect(list.body).not.toMatch(/<script|<img/)
  expect(list.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
})

test('unusual forms of the request target reach no page and no upstream', async () => {
  const { gate, upstream } = await startLab()
  for (const target of [
    `http://evil.example/.htgate/login`,
    '*',
    'evil.example:80',
    '/.htgate/login?return=/\x00',
    '/.htgate/login HTTP/1.1\r\nX: y',
  ]) {
    const connection = raw(
      gate.port,
      `GET ${target} HTTP/1.1\r\nHost: ${new URL(gate.url).host}\r\nConnection: close\r\n\r\n`,
    )
    await connection.closed
    expect(connection.text(), target).toMatch(/^HTTP\/1\.1 [34]\d\d /)
    expect(connection.text(), target).not.toMatch(/location: (https?:)?\/\/evil/i)
  }
  expect(upstream.seen).toEqual([])
})

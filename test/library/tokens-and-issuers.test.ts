import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { exportSPKI, importJWK } from 'jose'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type AuthEvent,
  type AuthenticatorOptions,
  createAuthenticator,
  createToken,
  listTokens,
  middleware,
  type OidcOptions,
  permits,
  refusal,
  revokeTokens,
  type TokenRequest,
} from '../../src/index.js'
import { temporaryFolder } from '../support/folder.js'
import { OUR_HTGATE } from '../support/htgate.js'
import { type SignOptions, startIssuer } from '../support/issuer.js'
import { AUDIENCE, CLIENT_ID, startOidcProvider } from '../support/issuers.js'
import { basic } from '../support/requests.js'
import { run } from '../support/run.js'
import { TableProvider } from '../support/table-provider.js'
import { projectFolder } from './examples.js'

// createAuthenticator({ tokens, oidc }): programs' logins through the library.

const SHA = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' // `secret`
const GITHUB = 'https://token.actions.githubusercontent.com'
const REALM = 'The lab'
const BASIC = `Basic realm="${REALM}", charset="UTF-8"`
const BEARER = `Bearer realm="${REALM}"`

const bearer = (token: string) => `Bearer ${token}`
const seconds = () => Math.floor(Date.now() / 1000)
const denied = { ok: false, reason: 'denied' }

async function open(options: AuthenticatorOptions) {
  const events: AuthEvent[] = []
  const onEvent = (event: AuthEvent) => void events.push(event)
  const authenticator = await createAuthenticator({ realm: REALM, onEvent, ...options })
  onTestFinished(() => authenticator.close())
  return Object.assign(authenticator, { events })
}

/** The paths of a password file with ann, and of a token file. */
function files() {
  const folder = temporaryFolder()
  const [file, tokens] = [join(folder, '.htpasswd'), join(folder, 'tokens')]
  writeFileSync(file, `ann:${SHA}\n`)
  return { file, tokens }
}

describe('tokens', () => {
  test('log in as Bearer and as the password of Basic, by every method', async () => {
    const { tokens } = files()
    const { token } = await createToken(tokens, { user: 'ci', role: 'write' })
    const subject = await open({ tokens: { file: tokens } })
    const ci = { name: 'ci', provider: 'token', groups: [], maxRole: 'write', isService: true }
    for (const header of [bearer(token), basic('ci', token), basic('', token), `bearer  ${token}`]) {
      const verdict = await subject.authenticate(header)
      expect(verdict).toMatchObject({ ok: true, user: 'ci', principal: ci })
      expect(subject.remembered(header)).toEqual(verdict)
      const { principal } = verdict as Extract<typeof verdict, { ok: true }>
      expect(await subject.recheck(header, principal)).toEqual(principal)
    }
    expect(subject.loginCounters().providers.token).toMatchObject({ sizes: { tokens: 1 } })
    expect(subject.counters()).toMatchObject({ hits: 8, misses: 0, denied: 0 })
  })

  test('are never used as passwords, nor passwords as tokens', async () => {
    const { file, tokens } = files()
    const { token } = await createToken(tokens, { user: 'ann', role: 'read' })
    const subject = await open({ file, tokens: { file: tokens } })
    expect(await subject.authenticate(basic('ann', token))).toMatchObject({
      principal: { name: 'ann', provider: 'file', maxRole: 'read' },
    })
    expect(await subject.authenticate(basic('ann', 'secret'))).toMatchObject({
      principal: { name: 'ann', provider: 'file', groups: [] },
    })
    expect(subject.counters().hashes).toBe(1)
    const changed = `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`
    expect(await subject.authenticate(bearer(changed))).toMatchObject(denied)
    expect(await subject.authenticate(basic('ann', changed))).toMatchObject(denied)
  })

  test('have their owners’ current rights, limited to the role they were created with', async () => {
    const { file, tokens } = files()
    const table = new TableProvider(new Map([['tom', { password: 'x', groups: ['staff'] }]]))
    const { token } = await createToken(tokens, { user: 'ann', role: 'read', account: 'file' })
    const { token: lost } = await createToken(tokens, { user: 'eve', role: 'admin', account: 'file' })
    const { token: other } = await createToken(tokens, { user: 'tom', role: 'admin', account: 'ldap' })
    let groups = ['ml']
    const subject = await open({
      tokens: { file: tokens },
      file,
      providers: [table],
      groups: { groupsOf: () => groups, onChange() {} },
    })
    const principalOf = async () => {
      const verdict = await subject.authenticate(bearer(token))
      return verdict.ok ? verdict.principal : undefined
    }
    const principal = await principalOf()
    expect(principal).toMatchObject({ name: 'ann', groups: ['ml'], maxRole: 'read' })
    expect(principal && [permits(principal, 'read'), permits(principal, 'write')]).toEqual([true, false])
    expect(await subject.authenticate(bearer(lost))).toMatchObject(denied)
    expect(await subject.authenticate(bearer(other))).toMatchObject(denied)

    groups = []
    await subject.reload()
    expect(await principalOf()).toMatchObject({ groups: [] })
    writeFileSync(file, '# no users\n')
    await subject.reload()
    expect(await principalOf()).toBeUndefined()
  })

  test('that are revoked are rejected within a second, on open connections too', async () => {
    const { tokens } = files()
    const { token } = await createToken(tokens, { user: 'ci', role: 'write' })
    const subject = await open({ tokens: { file: tokens } })
    const verdict = await subject.authenticate(bearer(token))
    const { principal } = verdict as Extract<typeof verdict, { ok: true }>
    const changed = new Promise<void>((resolve) => subject.onChange(resolve))
    const revoked = performance.now()
    await revokeTokens(tokens, ({ user }) => user === 'ci')
    await changed
    const took = performance.now() - revoked
    expect(subject.remembered(bearer(token))).toBeUndefined()
    expect(await subject.authenticate(bearer(token))).toMatchObject(denied)
    expect(await subject.recheck(bearer(token), principal)).toBeUndefined()
    // The file is checked every 100 ms, but a busy machine may be late: this only detects a missing watcher.
    expect(took).toBeLessThan(20_000)
  })

  test('are unavailable if their file is unreadable, with an event', async () => {
    const { tokens } = files()
    const { token } = await createToken(tokens, { user: 'ci', role: 'write' })
    const subject = await open({ tokens: { file: tokens } })
    rmSync(tokens)
    mkdirSync(tokens)
    await expect(subject.reload()).rejects.toMatchObject({ code: 'ERR_FILE_TYPE' })
    expect(await subject.authenticate(bearer(token))).toMatchObject({ reason: 'unavailable' })
    expect(subject.events.map(({ type }) => type)).toEqual(['tokens-loaded', 'tokens-unreadable'])
  })

  test('need no file until the first one is created', async () => {
    const { tokens } = files()
    const subject = await open({ tokens: { file: tokens } })
    await subject.reload()
    const { token } = await createToken(tokens, { user: 'ci', role: 'write' })
    await subject.reload()
    expect(await subject.authenticate(bearer(token))).toMatchObject({ ok: true })
  })
})

describe('the token file', () => {
  test('has tokens created, listed and revoked as by htgate token', async () => {
    const { tokens } = files()
    const expires = Date.parse('2030-01-02T03:04:05.678Z')
    const ci = await createToken(tokens, { user: 'ci', role: 'write', expires, name: 'nightly' })
    const ann = await createToken(tokens, { user: 'ann', role: 'read', account: 'file' })
    expect(statSync(tokens).mode & 0o777).toBe(0o600)
    expect(readFileSync(tokens, 'latin1')).not.toContain(ci.token)
    expect(ci.info).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
      user: 'ci',
      role: 'write',
      name: 'nightly',
      created: expect.any(Number),
      expires: Date.parse('2030-01-02T03:04:05Z'),
    })
    expect(await listTokens(tokens)).toEqual([ci.info, ann.info])
    expect(await listTokens(tokens, 'ann')).toEqual([ann.info])
    const list = ['token', 'list', '--json', '--token-file', tokens]
    const { stdout } = await run(process.execPath, [OUR_HTGATE, ...list])
    expect(JSON.parse(stdout.toString())).toMatchObject([{ id: ci.info.id }, { id: ann.info.id }])

    expect(await revokeTokens(tokens, ({ id }) => id === ci.info.id)).toEqual([ci.info])
    expect(await revokeTokens(tokens, ({ user }) => user === 'ci')).toEqual([])
    expect(await listTokens(tokens)).toEqual([ann.info])
  })

  test.each<[string, string, unknown]>([
    ['ERR_USER', 'the user name is empty', { user: '', role: 'read' }],
    ['ERR_USER', 'the user name is not a string', { role: 'read' }],
    ['ERR_USER', 'control character', { user: 'a\nb', role: 'read' }],
    ['ERR_OPTION', 'option role ', { user: 'ci', role: 'root' }],
    ['ERR_OPTION', 'option name ', { user: 'ci', role: 'read', name: 'x'.repeat(300) }],
    ['ERR_OPTION', 'option expires ', { user: 'ci', role: 'read', expires: Number.NaN }],
    ['ERR_OPTION', 'option expires ', { user: 'ci', role: 'read', expires: 1e15 }],
    ['ERR_OPTION', 'option account ', { user: 'ci', role: 'read', account: '' }],
  ])('%s: %s', async (code, message, request) => {
    const { tokens } = files()
    const error = { code, message: expect.stringContaining(message) }
    await expect(createToken(tokens, request as TokenRequest)).rejects.toMatchObject(error)
    await expect(listTokens(tokens)).rejects.toMatchObject({ code: 'ERR_FILE_MISSING' })
    await expect(revokeTokens(tokens, () => true)).rejects.toMatchObject({ code: 'ERR_FILE_MISSING' })
  })
})

describe('bearer tokens of an issuer', () => {
  test('of a real issuer log a program in, by every method, until they expire', async () => {
    const issuer = await startOidcProvider({ redirectUris: ['http://127.0.0.1/callback'], users: {} })
    const token = await issuer.programToken()
    const subject = await open({ oidc: { issuer: issuer.url, audience: AUDIENCE } })
    const verdict = await subject.authenticate(bearer(token))
    const program = { name: `sub:${CLIENT_ID}`, provider: 'oidc', groups: [], expiresAt: expect.any(Number) }
    expect(verdict).toEqual({ ok: true, user: `sub:${CLIENT_ID}`, principal: program })
    const { principal } = verdict as Extract<typeof verdict, { ok: true }>
    expect(subject.remembered(bearer(token))).toEqual(verdict)
    expect(await subject.recheck(bearer(token), principal)).toEqual(principal)
    expect(subject.authenticate(bearer(token))).toEqual(verdict)
    expect(subject.loginCounters().providers.oidc).toMatchObject({
      results: { verified: 1, remembered: 3 },
      counts: { verified: 1 },
    })
    // Not as a password, and not for another audience.
    expect(await subject.authenticate(basic('ci', token))).toMatchObject({ reason: 'no-credentials' })
    const other = await open({ oidc: { issuer: issuer.url, audience: 'other' } })
    expect(await other.authenticate(bearer(token))).toMatchObject(denied)
  })

  /** An authenticator for a test's issuer, and its verdict on a token with these claims. */
  async function judged(options: Partial<OidcOptions> = {}) {
    const issuer = await startIssuer()
    const subject = await open({ oidc: { issuer: issuer.url, audience: 'mlflow-api', ...options } })
    const verdictOn = async (claims: Record<string, unknown>, signing?: SignOptions) =>
      subject.authenticate(bearer(await issuer.sign({ scope: 'openid', ...claims }, signing)))
    return { issuer, subject, verdictOn }
  }

  const ann = { preferred_username: 'ann', groups: ['ml'] }

  test.each<[string, Record<string, unknown>, SignOptions?]>([
    ['another audience', { aud: 'other' }],
    ['no audience', { aud: undefined }],
    ['another issuer', { iss: 'https://id.example.org' }],
    ['expired', { exp: seconds() - 61 }],
    ['no expiry', { exp: undefined }],
    ['not valid yet', { nbf: seconds() + 120 }],
    ['issued in the future', { iat: seconds() + 3600 }],
    ['an ID token, by its nonce', { nonce: 'n' }],
    ['an ID token, by its at_hash', { at_hash: 'h' }],
    ['an ID token of Keycloak', { typ: 'ID' }],
    ['a possible ID token', { scope: undefined }],
    ['a logout token', {}, { header: { typ: 'logout+jwt' } }],
    ['a line break in the name', { preferred_username: 'ann\r\nX-Forwarded-User: root' }],
    ['a name of 10 kB', { preferred_username: 'x'.repeat(10_000) }],
  ])('rejected: %s', async (_, claims, signing) => {
    const { verdictOn, subject } = await judged()
    expect(await verdictOn({ ...ann, ...claims }, signing)).toMatchObject(denied)
    expect(await verdictOn(ann)).toMatchObject({ ok: true, user: 'ann' })
    expect(subject.counters()).toMatchObject({ denied: 1, misses: 2 })
  })

  test('rejected: alg none, HS256 with the public key, and a modified payload', async () => {
    const { issuer, subject } = await judged()
    const [head, payload, signature] = (await issuer.sign({ ...ann, scope: 'openid' })).split('.')
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const pem = await exportSPKI((await importJWK(issuer.publicKey, 'ES256')) as never)
    const hmac = { header: { alg: 'HS256' }, key: new TextEncoder().encode(pem) }
    const admin = { iss: issuer.url, sub: 'x', aud: 'mlflow-api', iat: seconds(), exp: seconds() + 99 }
    for (const token of [
      `${encode({ alg: 'none' })}.${payload}.`,
      `${encode({ alg: 'none' })}.${payload}.${signature}`,
      await issuer.sign({ ...ann, scope: 'openid' }, hmac),
      `${head}.${encode({ ...admin, scope: 'openid', preferred_username: 'root' })}.${signature}`,
    ]) {
      expect(await subject.authenticate(bearer(token)), token).toMatchObject(denied)
    }
  })

  test('if the client is known, a token for another audience need not state its type', async () => {
    const { verdictOn } = await judged({ clientId: 'web', audience: ['mlflow-api', 'web'] })
    expect(await verdictOn({ ...ann, scope: undefined })).toMatchObject({ ok: true })
    expect(await verdictOn({ ...ann, aud: 'web', scope: undefined })).toMatchObject(denied)
    expect(await verdictOn({ ...ann, aud: 'web' })).toMatchObject({ ok: true })
  })

  test('have their claims and clients checked as configured', async () => {
    const claims = { userClaim: 'upn', groupsClaim: 'realm_access.roles', allowedClients: ['trainer'] }
    const { verdictOn } = await judged(claims)
    const token = { upn: 'ann@example.org', realm_access: { roles: ['ml'] } }
    expect(await verdictOn({ ...token, azp: 'trainer' })).toMatchObject({
      principal: { name: 'ann@example.org', groups: ['ml'] },
    })
    expect(await verdictOn({ ...token, azp: 'other' })).toMatchObject(denied)
  })

  test('of a CI system are subject to conditions, with the role as a limit', async () => {
    const issuer = await startIssuer()
    const ci = {
      issuer: issuer.url,
      audience: 'lab',
      claims: { repository: 'org/*' },
      role: 'write' as const,
    }
    const subject = await open({ oidc: { trust: [ci] } })
    const verdictOn = async (claims: Record<string, unknown>) =>
      subject.authenticate(bearer(await issuer.sign({ aud: 'lab', sub: 'repo:org/train', ...claims })))
    expect(await verdictOn({ repository: 'org/train' })).toMatchObject({
      ok: true,
      principal: { name: 'repo:org/train', maxRole: 'write', isService: true },
    })
    expect(await verdictOn({ repository: 'else/train' })).toMatchObject(denied)
    expect(await verdictOn({ repository: 'org/train', aud: 'mlflow-api' })).toMatchObject(denied)
  })

  test('are unavailable while the issuer is down at the start, with an event, and accepted afterwards', async () => {
    const issuer = await startIssuer()
    issuer.isDown = true
    const subject = await open({ oidc: { issuer: issuer.url, audience: 'mlflow-api' } })
    const token = bearer(await issuer.sign({ ...ann, scope: 'openid' }))
    expect(await subject.authenticate(token)).toMatchObject({ reason: 'unavailable', user: 'ann' })
    issuer.isDown = false
    await expect
      .poll(async () => (await subject.authenticate(token)).ok, { timeout: 30_000, interval: 100 })
      .toBe(true)
    expect(subject.events).toMatchObject([
      { type: 'issuer-down', level: 'error' },
      { type: 'issuer-ready', level: 'info' },
    ])
  })

  test('work alongside passwords and tokens', async () => {
    const { file, tokens } = files()
    const issuer = await startIssuer()
    const { token } = await createToken(tokens, { user: 'ci', role: 'write' })
    const subject = await open({
      oidc: { issuer: issuer.url, audience: 'mlflow-api' },
      file,
      tokens: { file: tokens },
    })
    const jwt = await issuer.sign({ ...ann, scope: 'openid' })
    for (const [header, provider] of [
      [bearer(jwt), 'oidc'],
      [basic('ann', 'secret'), 'file'],
      [bearer(token), 'token'],
    ] as const) {
      expect(await subject.authenticate(header)).toMatchObject({ ok: true, principal: { provider } })
    }
    expect(Object.keys(subject.loginCounters().providers)).toEqual(['token', 'file', 'oidc'])
  })
})

describe('challenges', () => {
  const issuer = { issuer: 'http://127.0.0.1:1', audience: 'lab' }

  test.each<[string, (paths: ReturnType<typeof files>) => AuthenticatorOptions, string[], string]>([
    ['passwords', ({ file }) => ({ file }), [BASIC], 'A user name and password are required.\n'],
    [
      'tokens',
      ({ tokens }) => ({ tokens: { file: tokens } }),
      [BASIC, BEARER],
      'A user name and password, or a token, are required.\n',
    ],
    ['an issuer', () => ({ oidc: issuer }), [BEARER], 'A bearer token is required.\n'],
    [
      'passwords and an issuer',
      ({ file }) => ({ file, oidc: issuer }),
      [BASIC, BEARER],
      'A user name and password, or a token, are required.\n',
    ],
  ])('%s', async (_, options, challenges, body) => {
    const subject = await open(options(files()))
    expect(subject.challenges).toEqual(challenges)
    const refused = { ok: false, reason: 'no-credentials' } as const
    expect(refusal(refused, subject)).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': challenges.join(', ') },
      body,
    })
    const guard = middleware(subject)
    const server = createServer((request, response) => guard(request, response, () => response.end('in')))
    onTestFinished(() => void server.close())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe(challenges.join(', '))
  })
})

test.each<[string, AuthenticatorOptions]>([
  ['tokens', { tokens: 'tokens' as never }],
  ['tokens.file', { tokens: {} as never }],
  ['tokens.file', { tokens: { file: '' } }],
  ['tokens.ownerTtl', { tokens: { file: 'x', ownerTtl: 0 } }],
  ['oidc', { oidc: 'https://id.example.org' as never }],
  ['oidc.issuer', { oidc: {} }],
  ['oidc.issuer', { oidc: { issuer: 'http://id.example.org', audience: 'a' } }],
  ['oidc.issuer', { oidc: { issuer: 'https://id.example.org?x', audience: 'a' } }],
  ['oidc.audience', { oidc: { issuer: 'https://id.example.org' } }],
  ['oidc.audience', { oidc: { issuer: 'https://id.example.org', audience: [] } }],
  ['oidc.audience', { oidc: { issuer: 'https://id.example.org', audience: ['a', ''] } }],
  ['oidc.audience', { oidc: { audience: 'a', trust: [{ issuer: 'https://x.org', audience: 'a' }] } }],
  ['oidc.clientId', { oidc: { issuer: 'https://id.example.org', audience: 'a', clientId: '' } }],
  ['oidc.allowedClients', { oidc: { issuer: 'https://x.org', audience: 'a', allowedClients: 'b' as never } }],
  ['oidc.userClaim', { oidc: { issuer: 'https://x.org', audience: 'a', userClaim: ' ' } }],
  ['oidc.ca', { oidc: { issuer: 'https://x.org', audience: 'a', ca: '/none' } }],
  ['oidc.ca', { oidc: { issuer: 'https://x.org', audience: 'a', ca: 'package.json' } }],
  ['oidc.trust', { oidc: { trust: 'x' as never } }],
  ['oidc.trust[0]', { oidc: { trust: ['x' as never] } }],
  ['oidc.trust[0].issuer', { oidc: { trust: [{ issuer: 'x', audience: 'a' }] } }],
  ['oidc.trust[0].audience', { oidc: { trust: [{ issuer: 'https://x.org' } as never] } }],
  ['oidc.trust[0].claims', { oidc: { trust: [{ issuer: GITHUB, audience: 'a' }] } }],
  [
    "oidc.trust[0].claims['ref']",
    { oidc: { trust: [{ issuer: GITHUB, audience: 'a', claims: { ref: '' } }] } },
  ],
  [
    'oidc.trust[0].role',
    { oidc: { trust: [{ issuer: 'https://x.org', audience: 'a', role: 'x' as never }] } },
  ],
  ['providers', { tokens: { file: 'x' }, providers: [new TableProvider(new Map(), 'token')] }],
  ['providers', { oidc: {}, providers: [new TableProvider(new Map(), 'oidc')] }],
])('an invalid option %s is rejected by name', async (name, options) => {
  await expect(createAuthenticator(options)).rejects.toMatchObject({
    code: 'ERR_OPTION',
    message: expect.stringContaining(`option ${name} `),
  })
})

/** Runs a script in a project that has the package installed; resolves to its output. */
async function output(script: string, env: Record<string, string> = {}): Promise<string> {
  const folder = projectFolder()
  writeFileSync(join(folder, 'main.mjs'), script)
  const { stdout, stderr } = await run(process.execPath, ['main.mjs'], { cwd: folder, env })
  expect(stderr.toString()).toBe('')
  return stdout.toString().trim()
}

test.each([
  [`{ file: '.htpasswd', tokens: { file: 'tokens' } }`, []],
  [`{ file: '.htpasswd', oidc: { issuer: 'http://127.0.0.1:1', audience: 'lab' } }`, ['jose']],
])('of jose, openid-client and ldapts, only those needed are loaded: %s', async (options, expected) => {
  const coverage = temporaryFolder()
  const script = `
    import { createAuthenticator } from 'htgate'
    const authenticator = await createAuthenticator(${options})
    await authenticator.authenticate('Bearer eyJhbGciOiJFUzI1NiJ9.e30.x')
    await authenticator.close()`
  await output(script, { NODE_V8_COVERAGE: coverage })
  // Coverage reports list all modules that were loaded.
  const urls = readdirSync(coverage).flatMap((name): string[] =>
    JSON.parse(readFileSync(join(coverage, name), 'utf8')).result.map(({ url }: { url: string }) => url),
  )
  expect(urls.some((url) => url.endsWith('/dist/auth/authenticator.js'))).toBe(true)
  const packages = urls.map((url) => /\/node_modules\/(jose|openid-client|ldapts)\//.exec(url)?.[1])
  expect([...new Set(packages)].filter((name) => name !== undefined)).toEqual(expected)
})

test('a closed authenticator leaves nothing that keeps the process alive, not even a request to an issuer', async () => {
  let isAsked = false
  const silent = createServer(({ url }, response) => {
    if (url === '/is-asked') response.writeHead(200, { connection: 'close' }).end(String(isAsked))
    else isAsked = true
  })
  onTestFinished(() => {
    silent.close()
    silent.closeAllConnections()
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
  const issuer = await startIssuer()
  const token = await issuer.sign({ scope: 'openid' })
  // Its userinfo never answers, so that a request is open when the authenticator is closed.
  issuer.metadata = { userinfo_endpoint: `${url}/userinfo` }
  const script = `
    import { createAuthenticator } from 'htgate'
    const authenticator = await createAuthenticator({
      file: '.htpasswd',
      tokens: { file: 'tokens' },
      oidc: { issuer: ${JSON.stringify(issuer.url)}, audience: 'mlflow-api' },
    })
    await authenticator.authenticate('Basic ' + btoa('ann:secret'))
    const pending = authenticator.authenticate('Bearer ${token}')
    while ((await (await fetch('${url}/is-asked')).text()) !== 'true');
    const start = performance.now()
    await authenticator.close()
    console.log((await pending).reason)
    process.on('exit', () => console.log(performance.now() - start < 5000))`
  expect(await output(script)).toBe('unavailable\ntrue')
})

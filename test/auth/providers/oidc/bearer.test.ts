import { exportSPKI, generateKeyPair, importJWK } from 'jose'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Credential } from '../../../../src/auth/credential.js'
import type { Claims } from '../../../../src/auth/providers/oidc/claims.js'
import { issuerFetch } from '../../../../src/auth/providers/oidc/http.js'
import { Issuer } from '../../../../src/auth/providers/oidc/issuer.js'
import { type MainIssuer, OidcProvider } from '../../../../src/auth/providers/oidc/provider.js'
import { parseTrust } from '../../../../src/auth/providers/oidc/trust.js'
import { type SignOptions, startIssuer, type TestIssuer } from '../../../support/issuer.js'

const fetch = issuerFetch()
const bearer = (token: string): Credential => ({ kind: 'bearer', token })
const now = () => Math.floor(Date.now() / 1000)

interface Subject {
  readonly issuer: TestIssuer
  readonly provider: OidcProvider
  readonly verdictOn: (claims: Claims, options?: SignOptions) => Promise<unknown>
}

async function subject(
  settings: Partial<MainIssuer> = {},
  cooldown?: number,
  keysAge?: number,
): Promise<Subject> {
  const issuer = await startIssuer()
  const provider = new OidcProvider({
    main: {
      issuer: new Issuer({ url: issuer.url, fetch, cooldown, keysAge }),
      clientId: 'mlflow',
      audiences: ['mlflow-api'],
      claims: { user: 'preferred_username', groups: 'realm_access.roles' },
      ...settings,
    },
    fetch,
  })
  await provider.start()
  onTestFinished(() => provider.close())
  const verdictOn = async (claims: Claims, options?: SignOptions) =>
    provider.verify(bearer(await issuer.sign(claims, options)))
  return { issuer, provider, verdictOn }
}

const ann = { preferred_username: 'ann', realm_access: { roles: ['ml', 'staff'] } }
const denied = { ok: false, reason: 'denied' }

test('an access token is accepted, with the user’s groups, until it expires', async () => {
  const { issuer, provider } = await subject()
  const exp = now() + 100
  const token = await issuer.sign({ ...ann, exp })
  expect(provider.accepts(bearer(token))).toBe(true)
  expect(provider.remembered(bearer(token))).toBeUndefined()
  const verdict = await provider.verify(bearer(token))
  expect(verdict).toEqual({
    ok: true,
    principal: { name: 'ann', provider: 'oidc', groups: ['ml', 'staff'], expiresAt: (exp + 60) * 1000 },
  })
  expect(provider.remembered(bearer(token))).toBe((verdict as { principal: unknown }).principal)
})

test('the types at+jwt, JWT and none are accepted', async () => {
  const { verdictOn } = await subject()
  for (const typ of ['at+jwt', 'application/at+jwt', 'JWT', undefined]) {
    expect(await verdictOn(ann, { header: { typ } })).toMatchObject({ ok: true })
  }
})

test.each<[string, Claims, SignOptions?]>([
  ['wrong audience', { aud: 'other' }],
  ['audience with the same prefix', { aud: ['mlflow-api2', 'other'] }],
  ['the client as audience', { aud: 'mlflow' }],
  ['no audience', { aud: undefined }],
  ['issuer with an extra slash', { iss: 'http://127.0.0.1/' }],
  ['no issuer', { iss: undefined }],
  ['expired', { exp: now() - 61 }],
  ['no exp', { exp: undefined }],
  ['exp that is a string', { exp: '9999999999' as never }],
  ['not valid yet', { nbf: now() + 120 }],
  ['issued an hour from now', { iat: now() + 3600 }],
  ['no iat', { iat: undefined }],
  ['no subject', { sub: undefined }],
  ['an ID token, by its nonce', { nonce: 'n' }],
  ['an ID token, by its at_hash', { at_hash: 'h' }],
  ['an ID token of Keycloak', { typ: 'ID' }],
  ['a refresh token of Keycloak', { typ: 'Refresh' }],
  ['a logout token', {}, { header: { typ: 'logout+jwt' } }],
  ['line breaks in the name', { preferred_username: 'ann\r\nX-Forwarded-User: root' }],
  ['a name of 10 kB', { preferred_username: 'x'.repeat(10_000) }],
  ['a name that is a list', { preferred_username: ['ann'] }],
  ['an empty name', { preferred_username: '' }],
  ['a name in the form of a program’s', { preferred_username: 'sub:u-2' }],
  ['half a surrogate pair', { preferred_username: 'a\ud800' }],
])('rejected: %s', async (_, claims, options) => {
  const { verdictOn } = await subject()
  expect(await verdictOn({ ...ann, ...claims }, options)).toMatchObject(denied)
  expect(await verdictOn(ann)).toMatchObject({ ok: true })
})

test('rejected: alg none, and HS256 with the public key', async () => {
  const { issuer, provider } = await subject()
  const [, payload] = (await issuer.sign(ann)).split('.')
  const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url')
  for (const token of [`${none}.${payload}.`, `${none}.${payload}.x`]) {
    expect(await provider.verify(bearer(token))).toMatchObject(denied)
  }
  const pem = await exportSPKI((await importJWK(issuer.publicKey, 'ES256')) as never)
  for (const secret of [pem, JSON.stringify(issuer.publicKey), issuer.publicKey.x as string]) {
    const key = new TextEncoder().encode(secret)
    const token = await issuer.sign(ann, { header: { alg: 'HS256' }, key })
    expect(await provider.verify(bearer(token))).toMatchObject(denied)
  }
})

test('rejected: a key in the token, another key with the same ID, and modified claims', async () => {
  const { issuer, provider, verdictOn } = await subject()
  const other = await generateKeyPair('ES256', { extractable: true })
  expect(await verdictOn(ann, { key: other.privateKey })).toMatchObject(denied)
  expect(await verdictOn(ann, { key: other.privateKey, header: { jwk: issuer.publicKey } })).toMatchObject(
    denied,
  )
  const [head, , signature] = (await issuer.sign(ann)).split('.')
  const payload = Buffer.from(JSON.stringify({ ...ann, iss: issuer.url, exp: now() + 99 })).toString(
    'base64url',
  )
  expect(await provider.verify(bearer(`${head}.${payload}.${signature}`))).toMatchObject(denied)
})

test('clocks may differ by a minute', async () => {
  const { verdictOn } = await subject()
  expect(await verdictOn({ ...ann, exp: now() - 30 })).toMatchObject({ ok: true })
  expect(await verdictOn({ ...ann, iat: now() + 30, nbf: now() + 30 })).toMatchObject({ ok: true })
})

test('with the client as audience, a token must be marked as an access token', async () => {
  const { verdictOn } = await subject({ audiences: ['mlflow'] })
  expect(await verdictOn({ ...ann, aud: 'mlflow' })).toMatchObject(denied)
  expect(await verdictOn({ ...ann, aud: 'mlflow', scp: 'access' })).toMatchObject({ ok: true })
  expect(await verdictOn({ ...ann, aud: 'mlflow' }, { header: { typ: 'at+jwt' } })).toMatchObject({
    ok: true,
  })
})

test('only tokens of allowed clients, if configured', async () => {
  const { verdictOn } = await subject({ clients: ['trainer'] })
  expect(await verdictOn({ ...ann, azp: 'trainer' })).toMatchObject({ ok: true })
  expect(await verdictOn({ ...ann, client_id: 'trainer' })).toMatchObject({ ok: true })
  expect(await verdictOn({ ...ann, azp: 'other' })).toMatchObject(denied)
  expect(await verdictOn({ ...ann, azp: ['trainer'] })).toMatchObject(denied)
  expect(await verdictOn(ann)).toMatchObject(denied)
})

test('without an audience, no bearer tokens are accepted', async () => {
  const { issuer, provider } = await subject({ audiences: [] })
  expect(provider.accepts(bearer(await issuer.sign(ann)))).toBe(false)
})

test('a program has no user name: its name is sub: and its subject', async () => {
  const { verdictOn } = await subject()
  expect(await verdictOn({ sub: 'ci-bot' })).toMatchObject({
    ok: true,
    principal: { name: 'sub:ci-bot', groups: [] },
  })
})

test('an access token without a name gets it from userinfo of the same subject', async () => {
  const { issuer, verdictOn } = await subject()
  let sub = 'u-1'
  issuer.answers.set('/userinfo', (_, response) =>
    response.end(JSON.stringify({ sub, preferred_username: 'ann' })),
  )
  expect(await verdictOn({ scope: 'openid profile' })).toMatchObject({ principal: { name: 'ann' } })
  sub = 'u-2'
  expect(await verdictOn({ scope: 'openid profile', jti: '2' })).toMatchObject({
    principal: { name: 'sub:u-1' },
  })
})

test('an e-mail address counts only if it is verified', async () => {
  const { verdictOn } = await subject({ claims: { user: 'email', groups: 'groups' } })
  const email = 'ann@example.org'
  expect(await verdictOn({ email, email_verified: true })).toMatchObject({ principal: { name: email } })
  expect(await verdictOn({ email, email_verified: false })).toMatchObject(denied)
})

/** Stops performance.now(), and returns a function that advances it. */
function stoppedClock(): (ms: number) => void {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  return (ms) => void vi.advanceTimersByTime(ms)
}

test('a new key is fetched, but a flood of unknown ones causes one fetch', async () => {
  const elapse = stoppedClock()
  const { issuer, provider, verdictOn } = await subject({}, 300)
  expect(await verdictOn(ann)).toMatchObject({ ok: true })
  elapse(310)
  await issuer.rotate()
  expect(await verdictOn(ann)).toMatchObject({ ok: true })
  const asked = issuer.asked.filter((path) => path === '/jwks').length
  const forged = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      issuer.sign({ ...ann, jti: `${i}` }, { header: { kid: `no-${i}` } }),
    ),
  )
  for (const token of forged) expect(await provider.verify(bearer(token))).toMatchObject(denied)
  expect(issuer.asked.filter((path) => path === '/jwks').length - asked).toBeLessThanOrEqual(1)
})

test('a withdrawn key is rejected once the cached keys expire', async () => {
  const elapse = stoppedClock()
  const { issuer, provider } = await subject({}, 50, 100)
  const token = await issuer.sign(ann)
  expect(await provider.verify(bearer(token))).toMatchObject({ ok: true })
  await issuer.rotate(false)
  elapse(150)
  expect(await provider.verify(bearer(token))).toMatchObject(denied)
})

test('while the issuer is down, known keys are used, and unknown ones rejected', async () => {
  const elapse = stoppedClock()
  const { issuer, provider, verdictOn } = await subject({}, 20, 20)
  issuer.isDown = true
  elapse(50)
  expect(await verdictOn(ann)).toMatchObject({ ok: true })
  expect(await verdictOn(ann, { header: { kid: 'unknown' } })).toMatchObject(denied)
  expect(provider.status()).toEqual({ ready: true })
})

test('an issuer that is down at the start is retried, with 503 until it responds', async () => {
  const issuer = await startIssuer()
  issuer.isDown = true
  const told: string[] = []
  const main = {
    issuer: new Issuer({ url: issuer.url, fetch, onEvent: ({ message }) => told.push(message) }),
    clientId: 'mlflow',
    audiences: ['mlflow-api'],
    claims: { user: 'preferred_username', groups: 'groups' },
  }
  const provider = new OidcProvider({ main, fetch })
  onTestFinished(() => provider.close())
  await provider.start()
  expect(provider.status()).toMatchObject({ ready: false })
  expect(await provider.verify(bearer(await issuer.sign(ann)))).toMatchObject({
    reason: 'unavailable',
    retryAfter: 10,
  })
  issuer.isDown = false
  await expect.poll(() => provider.status().ready, { timeout: 20_000 }).toBe(true)
  expect(await provider.verify(bearer(await issuer.sign(ann)))).toMatchObject({ ok: true })
  expect(told).toEqual([
    expect.stringMatching(/responds with 503; logins at this issuer are unavailable$/),
    expect.stringMatching(/: the issuer is responding again$/),
  ])
})

test('an issuer with another name in its metadata is rejected', async () => {
  const { issuer } = await subject()
  issuer.metadata = { issuer: `${issuer.url}/` }
  await expect(new Issuer({ url: issuer.url, fetch }).discover()).rejects.toThrow(
    /"issuer" in its metadata is '.*\/'/,
  )
})

test('tokens of two issuers are verified with the keys of each', async () => {
  const main = await startIssuer()
  const ci = await startIssuer()
  const trust = parseTrust(`issuer=${ci.url},audience=mlflow-api,claim=repository:org/*,role=write`)
  const provider = new OidcProvider({
    main: {
      issuer: new Issuer({ url: main.url, fetch }),
      clientId: 'mlflow',
      audiences: ['mlflow-api'],
      claims: { user: 'preferred_username', groups: 'groups' },
    },
    trusts: [{ issuer: new Issuer({ url: ci.url, fetch }), trust }],
    fetch,
  })
  await provider.start()
  onTestFinished(() => provider.close())
  const verdictOn = async (signer: TestIssuer, claims: Claims) =>
    provider.verify(bearer(await signer.sign(claims)))
  const job = { sub: 'repo:org/x:ref:refs/heads/main', repository: 'org/x' }
  expect(await verdictOn(ci, job)).toMatchObject({
    ok: true,
    principal: { name: job.sub, groups: [], maxRole: 'write', isService: true },
  })
  expect(await verdictOn(ci, { ...job, repository: 'evil/x' })).toMatchObject(denied)
  expect(await verdictOn(ci, { ...job, repository: undefined })).toMatchObject(denied)
  expect(await verdictOn(ci, { ...job, aud: 'other' })).toMatchObject(denied)
  expect(await verdictOn(ci, { ...job, ...ann, iss: main.url })).toMatchObject(denied)
  expect(await verdictOn(main, { ...job, iss: ci.url })).toMatchObject(denied)
  expect(await verdictOn(main, { ...ann, iss: 'https://third.example.org' })).toMatchObject(denied)
})

import { exportSPKI, importJWK } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { BadToken } from '../../../../src/auth/providers/oidc/bearer.js'
import { issuerFetch } from '../../../../src/auth/providers/oidc/http.js'
import { Issuer } from '../../../../src/auth/providers/oidc/issuer.js'
import { verifyLogoutToken } from '../../../../src/auth/providers/oidc/logout-token.js'
import { type SignOptions, startIssuer, type TestIssuer } from '../../../support/issuer.js'

// OpenID Connect Back-Channel Logout 1.0, section 2.6.

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const seconds = () => Math.floor(Date.now() / 1000)
const good = { aud: 'mlflow', sub: 'u-1', sid: 's-1', jti: 'j-1', events: { [EVENT]: {} } }

async function subject(): Promise<{
  issuer: TestIssuer
  verify: (tokens: readonly string[]) => ReturnType<typeof verifyLogoutToken>
  sign: (claims?: Record<string, unknown>, options?: SignOptions) => Promise<string>
}> {
  const issuer = await startIssuer()
  const known = new Issuer({ url: issuer.url, fetch: issuerFetch() })
  await known.start()
  onTestFinished(() => known.close())
  return {
    issuer,
    verify: (tokens) =>
      verifyLogoutToken(tokens, { issuer: issuer.url, clientId: 'mlflow', key: known.key, now: Date.now() }),
    sign: (claims = {}, options = {}) =>
      issuer.sign({ ...good, ...claims }, { header: { typ: 'logout+jwt' }, ...options }),
  }
}

test('identifies the sessions to end', async () => {
  const { verify, sign } = await subject()
  expect(await verify([await sign()])).toMatchObject({ origin: { sid: 's-1', sub: 'u-1' }, jti: 'j-1' })
  expect((await verify([await sign({ sid: undefined })])).origin).toEqual({ sid: undefined, sub: 'u-1' })
  expect((await verify([await sign({ sub: undefined })])).origin).toEqual({ sid: 's-1', sub: undefined })
  expect(await verify([await sign({}, { header: { typ: 'JWT' } })])).toBeDefined()
  expect(await verify([await sign({ aud: ['mlflow', 'other'] })])).toBeDefined()
})

test('an old token does not end a later session', async () => {
  const { verify, sign } = await subject()
  const iat = seconds() - 200
  expect((await verify([await sign({ iat })])).before).toBe((iat + 60) * 1000)
  const { before } = await verify([await sign()])
  expect(Math.abs(before - Date.now())).toBeLessThan(20_000)
})

test.each<[string, Record<string, unknown>, SignOptions?]>([
  ['another issuer', { iss: 'http://127.0.0.1:1' }],
  ['another client', { aud: 'other' }],
  ['no audience', { aud: undefined }],
  ['expired', { exp: seconds() - 61 }],
  ['no exp', { exp: undefined }],
  ['no iat', { iat: undefined }],
  ['issued an hour from now', { iat: seconds() + 3600, exp: seconds() + 7200 }],
  ['no jti', { jti: undefined }],
  ['a jti that is a number', { jti: 1 }],
  ['no events', { events: undefined }],
  ['events that are a list', { events: [EVENT] }],
  ['events that are a string', { events: EVENT }],
  ['another event', { events: { 'http://schemas.openid.net/event/other': {} } }],
  ['an event that is a string', { events: { [EVENT]: 'x' } }],
  ['a nonce', { nonce: 'n' }],
  ['neither sid nor sub', { sid: undefined, sub: undefined }],
  ['a sid that is a list', { sid: ['s-1'] }],
  ['an empty sub', { sub: '', sid: undefined }],
  ['an access token', {}, { header: { typ: 'at+jwt' } }],
])('rejected: %s', async (_, claims, options) => {
  const { verify, sign } = await subject()
  await expect(verify([await sign(claims, options)])).rejects.toThrow(BadToken)
})

test('rejected: no token, two tokens, text that is not a JWT, alg none, and HS256 with the public key', async () => {
  const { issuer, verify, sign } = await subject()
  const token = await sign()
  const [, payload] = token.split('.')
  const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'logout+jwt' })).toString('base64url')
  for (const tokens of [[], [token, token], ['x'], [''], [`${none}.${payload}.`], [`${none}.${payload}.x`]]) {
    await expect(verify(tokens)).rejects.toThrow(BadToken)
  }
  const pem = await exportSPKI((await importJWK(issuer.publicKey, 'ES256')) as never)
  const forged = await sign({}, { header: { alg: 'HS256' }, key: new TextEncoder().encode(pem) })
  await expect(verify([forged])).rejects.toThrow(BadToken)
})

import { expect, test } from 'vitest'
import { request } from '../../support/gate.js'
import { WebClient } from '../../support/web-client.js'
import { startLab } from './support.js'

const page = { accept: 'text/html', 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/runs?a=1' }

test('a page request without a login is redirected to the login; others get 401', async () => {
  const { gate } = await startLab({ forwardAuth: true, args: ['--trust-proxy', 'loopback'] })
  const asked = await request(`${gate.url}/`, { headers: page })
  expect(asked).toMatchObject({ status: 302, headers: { location: '/.htgate/login?return=%2Fruns%3Fa%3D1' } })
  const xhr = await request(`${gate.url}/`, { headers: { ...page, accept: 'application/json' } })
  expect(xhr.status).toBe(401)
  const post = await request(`${gate.url}/`, { headers: { ...page, 'x-forwarded-method': 'POST' } })
  expect(post.status).toBe(401)
})

test('nginx gets the same as 401 and Location', async () => {
  const { gate } = await startLab({ forwardAuth: true, args: ['--trust-proxy', 'loopback'] })
  const headers = { accept: 'text/html', 'x-original-method': 'GET', 'x-original-uri': '/runs' }
  const asked = await request(`${gate.url}/`, { headers })
  expect(asked).toMatchObject({ status: 401, headers: { location: '/.htgate/login?return=%2Fruns' } })
})

test('a proxy that sends the host gets an absolute URL, not one relative to the gate’s address', async () => {
  const { gate } = await startLab({ forwardAuth: true, args: ['--trust-proxy', 'loopback'] })
  const front = { 'x-forwarded-host': 'mlflow.example.org', 'x-forwarded-proto': 'https' }
  const asked = await request(`${gate.url}/`, { headers: { ...page, ...front } })
  expect(asked.headers.location).toBe('https://mlflow.example.org/.htgate/login?return=%2Fruns%3Fa%3D1')
})

test('the response has the client’s cookies without the gate’s own', async () => {
  const { gate, logIn } = await startLab({ forwardAuth: true, args: ['--trust-proxy', 'loopback'] })
  const { client } = await logIn('/.htgate/')
  const session = `htgate=${client.cookie(gate.url, 'htgate')}`
  for (const [cookie, others] of [
    [session, undefined],
    [`a=1; ${session}; b=2`, 'a=1; b=2'],
    [`${session}; htgate-login-x=1; b="2"`, 'b="2"'],
  ] as const) {
    const asked = await request(`${gate.url}/`, { headers: { ...page, cookie } })
    expect(asked.status).toBe(200)
    expect(asked.headers.cookie).toBe(others)
  }
})

test('an authorization request never gets the gate’s own pages, whatever its path', async () => {
  const { gate } = await startLab({ forwardAuth: true, args: ['--trust-proxy', 'loopback'] })
  for (const path of ['/.htgate', '/.htgate/']) {
    const asked = await request(gate.url + path, { headers: { ...page, accept: '*/*' } })
    expect(asked.status).toBe(401)
  }
})

test('behind a proxy, the login uses the public name', async () => {
  const { gate, issuer } = await startLab({ forwardAuth: true, args: ['--trust-proxy', 'loopback'] })
  const front = { 'x-forwarded-host': 'mlflow.example.org', 'x-forwarded-proto': 'https' }
  const client = new WebClient()
  const login = await client.get(`${gate.url}/.htgate/login?return=%2F`, front)
  const sent = new URL(login.headers.get('location') as string)
  expect(sent.origin).toBe(issuer.url)
  expect(sent.searchParams.get('redirect_uri')).toBe('https://mlflow.example.org/.htgate/callback')
  expect(login.headers.get('set-cookie')).toMatch(
    /^__Host-htgate-login-.*; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/,
  )
  const session = await request(`${gate.url}/`, { headers: { ...page, ...front, cookie: '__Host-htgate=x' } })
  expect(session.status).toBe(302)
})

test('a session provides user and groups', async () => {
  const { gate, logIn } = await startLab({ forwardAuth: true, args: ['--trust-proxy', 'loopback'] })
  const { client } = await logIn('/.htgate/')
  const cookie = `htgate=${client.cookie(gate.url, 'htgate')}`
  const asked = await request(`${gate.url}/`, { headers: { ...page, cookie } })
  expect(asked).toMatchObject({
    status: 200,
    headers: { 'x-forwarded-user': 'ann', 'x-forwarded-groups': 'ml-team' },
  })
})

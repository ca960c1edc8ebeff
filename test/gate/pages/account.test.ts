import { describe, expect, test } from 'vitest'
import { passwordFile, record, request, until } from '../../support/gate.js'
import { formsIn, type Page, WebClient } from '../../support/web-client.js'
import { startLab } from './support.js'

const formOf = (page: Page, action: string) =>
  formsIn(page).findIndex((form) => form.action === `/.htgate/${action}`)
const tokenIn = (page: Page): string => /export MLFLOW_TRACKING_TOKEN=(htg_\w+)/.exec(page.body)?.[1] ?? ''
const statusWith = async (url: string, token: string, method = 'GET') =>
  (await request(url, { method, headers: { authorization: `Bearer ${token}` } })).status

describe('the account page', () => {
  test('shows the user', async () => {
    const { gate, logIn } = await startLab()
    const { client } = await logIn()
    const page = await client.get(`${gate.url}/.htgate/`)
    expect(page.status).toBe(200)
    expect(page.body).toMatch(/<dt>Name<\/dt><dd>ann<\/dd>/)
    expect(page.body).toMatch(/<dt>Logged in with<\/dt><dd>OpenID Connect<\/dd>/)
    expect(page.body).toMatch(/<dt>Groups<\/dt><dd>ml-team<\/dd>/)
    expect(page.body).toMatch(/<dt>Role<\/dt><dd>write<\/dd>/)
    expect(page.body).not.toContain('<script')
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; .*frame-ancestors 'none'/,
    )
    expect(page.headers.get('cache-control')).toBe('no-store')
  })

  test('leads to the login, and back', async () => {
    const { gate, logIn } = await startLab()
    const { page } = await logIn('/.htgate/')
    expect(page.url).toBe(`${gate.url}/.htgate/`)
  })

  test('is available to users of a password file, too', async () => {
    const { gate } = await startLab()
    const client = new WebClient({ authorization: `Basic ${Buffer.from('alice:secret').toString('base64')}` })
    const page = await client.get(`${gate.url}/.htgate/`)
    expect(page.body).toContain('the password file')
    const made = await client.submit(
      page,
      { name: 'laptop', role: 'read', days: '30' },
      formOf(page, 'tokens'),
    )
    expect(await statusWith(gate.url, tokenIn(made))).toBe(200)
  })
})

test('the log says how each user was authenticated', async () => {
  const { gate, logIn } = await startLab()
  const { client } = await logIn()
  const page = await client.get(`${gate.url}/.htgate/`)
  const made = await client.submit(page, { name: 'x', role: 'read', days: '30' }, formOf(page, 'tokens'))
  const basicOf = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  await client.get(`${gate.url}/by-session`)
  await request(`${gate.url}/by-password`, { headers: basicOf('alice:secret') })
  await request(`${gate.url}/by-token`, { headers: basicOf(`x:${tokenIn(made)}`) })
  await request(`${gate.url}/by-nothing`)
  await until(() => gate.output().includes('/by-nothing'), gate.output)
  const seen = gate.log().map(({ path, user, provider, via }) => ({ path, user, provider, via }))
  expect(seen.filter(({ path }) => String(path).startsWith('/by-'))).toEqual([
    { path: '/by-session', user: 'ann', provider: 'oidc', via: 'session' },
    { path: '/by-password', user: 'alice', provider: 'file', via: 'password' },
    {
      path: '/by-token',
      user: 'ann',
      provider: 'oidc',
      via: expect.stringMatching(/^token [0-9a-f]{16}$/),
    },
    { path: '/by-nothing', user: null, provider: null, via: null },
  ])
})

describe('tokens', () => {
  test('are created with a role, shown once, listed with their last use, and revoked', async () => {
    const { gate, logIn } = await startLab()
    const { client } = await logIn()
    const page = await client.get(`${gate.url}/.htgate/`)
    const made = await client.submit(
      page,
      { name: '<b>laptop</b>', role: 'read', days: '30' },
      formOf(page, 'tokens'),
    )
    expect(made.status).toBe(201)
    expect(made.body).toContain(`export MLFLOW_TRACKING_URI=${gate.url}\n`)
    const token = tokenIn(made)
    expect(token).toMatch(/^htg_[0-9A-Za-z]{49}$/)
    expect(await statusWith(gate.url, token)).toBe(200)
    expect(await statusWith(gate.url, token, 'POST')).toBe(403)
    const basic = `Basic ${Buffer.from(`ann:${token}`).toString('base64')}`
    expect((await request(gate.url, { headers: { authorization: basic } })).status).toBe(200)

    const list = await client.get(`${gate.url}/.htgate/`)
    expect(list.body).not.toContain(token)
    expect(list.body).toContain('&#60;b&#62;laptop&#60;/b&#62;')
    const today = new Date().toISOString().slice(0, 10)
    expect(list.body).toContain(`data-label="Last used">${today}</td>`)
    const after = await client.submit(list, {}, formOf(list, 'tokens/revoke'))
    expect(after.body).toContain('Token revoked.')
    expect(await statusWith(gate.url, token)).toBe(401)
  })

  test('can do no more than their owner, whatever the form requests', async () => {
    const { gate, logIn } = await startLab()
    const { client } = await logIn('/', 'bob')
    const page = await client.get(`${gate.url}/.htgate/`)
    expect(page.body).not.toContain('<option value="write"')
    for (const [role, status] of [
      ['write', 403],
      ['admin', 403],
      ['root', 400],
      ['', 400],
    ] as const) {
      const fields = { name: 'x', role, days: '30' }
      expect((await client.submit(page, fields, formOf(page, 'tokens'))).status).toBe(status)
    }
    const bad = { name: '', role: 'read', days: '30' }
    expect((await client.submit(page, bad, formOf(page, 'tokens'))).status).toBe(400)
    const long = { name: 'x', role: 'read', days: '99999' }
    expect((await client.submit(page, long, formOf(page, 'tokens'))).status).toBe(400)
  })

  test('lose what their owner loses at the next login', async () => {
    const { gate, logIn, users } = await startLab()
    const { client } = await logIn()
    const page = await client.get(`${gate.url}/.htgate/`)
    const made = await client.submit(page, { name: 'x', role: 'write', days: '30' }, formOf(page, 'tokens'))
    const token = tokenIn(made)
    expect(await statusWith(gate.url, token, 'POST')).toBe(200)
    Object.assign(users.ann as object, { groups: [] })
    await logIn()
    expect(await statusWith(gate.url, token, 'POST')).toBe(403)
    expect(await statusWith(gate.url, token)).toBe(200)
  })

  test('of one account are not those of another with the same name', async () => {
    const { gate, logIn } = await startLab({ file: passwordFile(record('ann', 'file-pw')) })
    const { client } = await logIn()
    const page = await client.get(`${gate.url}/.htgate/`)
    const made = await client.submit(
      page,
      { name: 'secret name', role: 'read', days: '30' },
      formOf(page, 'tokens'),
    )
    const id = formsIn(made).find(({ action }) => action.endsWith('/revoke'))?.hidden.id as string
    const other = new WebClient({ authorization: `Basic ${Buffer.from('ann:file-pw').toString('base64')}` })
    const theirs = await other.get(`${gate.url}/.htgate/`)
    expect(theirs.body).not.toContain('secret name')
    const code = formsIn(theirs)[0]?.hidden.code as string
    expect((await other.post(`${gate.url}/.htgate/tokens/revoke`, { code, id })).status).toBe(404)
    expect(await statusWith(gate.url, tokenIn(made))).toBe(200)
  })

  test('cannot create tokens', async () => {
    const { gate, logIn } = await startLab()
    const { client } = await logIn()
    const page = await client.get(`${gate.url}/.htgate/`)
    const made = await client.submit(page, { name: 'x', role: 'read', days: '30' }, formOf(page, 'tokens'))
    const thief = new WebClient({ authorization: `Bearer ${tokenIn(made)}` })
    const theirs = await thief.get(`${gate.url}/.htgate/`)
    expect(formOf(theirs, 'tokens')).toBe(-1)
    const code = formsIn(theirs)[0]?.hidden.code as string
    const fields = { code, name: 'y', role: 'read', days: '30' }
    expect((await thief.post(`${gate.url}/.htgate/tokens`, fields)).status).toBe(403)
  })

  test('cannot be created by another site’s form', async () => {
    const { gate, logIn } = await startLab()
    const { client } = await logIn()
    const fields = { name: 'x', role: 'read', days: '30' }
    expect((await client.post(`${gate.url}/.htgate/tokens`, fields)).status).toBe(403)
    const other = await logIn('/', 'bob')
    const page = await other.client.get(`${gate.url}/.htgate/`)
    const code = formsIn(page)[0]?.hidden.code as string
    expect((await client.post(`${gate.url}/.htgate/tokens`, { ...fields, code })).status).toBe(403)
  })
})

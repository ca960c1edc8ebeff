import { describe, expect, test } from 'vitest'
import { asAlice, request, valuesOf } from '../../support/gate.js'
import { goMissing, startZitadel } from '../../support/issuers.js'
import { describeIf } from '../../support/peers.js'
import { formsIn, WebClient } from '../../support/web-client.js'
import { ISSUERS, startLab } from './support.js'

for (const { name, start, missing } of ISSUERS) {
  describeIf(missing, `logins at ${name}`, () => {
    test('a person who opens a page logs in and returns to that page', async () => {
      const { gate, issuer, upstream } = await startLab({ start })
      const client = new WebClient()
      const first = await client.get(`${gate.url}/runs?id=1&b=%2F`)
      expect(first.status).toBe(302)
      expect(first.headers.get('location')).toBe('/.htgate/login?return=%2Fruns%3Fid%3D1%26b%3D%252F')
      const login = await client.open(first.url)
      const sent = new URL(client.visited.find((url) => url.includes('code_challenge')) as string)
      expect(sent.origin).toBe(issuer.url)
      expect(Object.fromEntries(sent.searchParams)).toMatchObject({
        response_type: 'code',
        client_id: 'mlflow',
        code_challenge_method: 'S256',
        redirect_uri: `${gate.url}/.htgate/callback`,
        scope: 'openid profile',
        state: expect.stringMatching(/^[\w-]{22}$/),
        nonce: expect.stringMatching(/^[\w-]{22}$/),
      })
      const page = await issuer.logIn(client, login, 'ann', 'ann-pw')
      expect(page).toMatchObject({ status: 200, body: 'ok', url: `${gate.url}/runs?id=1&b=%2F` })
      expect(valuesOf(upstream.seen.at(-1), 'x-forwarded-user')).toEqual(['ann'])
      expect(valuesOf(upstream.seen.at(-1), 'x-forwarded-groups')).toEqual(['ml-team'])
    })

    test('the session cookie is small, sealed and hidden from scripts, and never reaches the upstream', async () => {
      const { gate, logIn, upstream } = await startLab({ start })
      const { client } = await logIn()
      const value = client.cookie(gate.url, 'htgate') as string
      expect(value).toMatch(/^[\w-]+$/)
      expect(`htgate=${value}`.length).toBeLessThan(500)
      expect(Buffer.from(value, 'base64url').toString('latin1')).not.toContain('ann')
      client.setCookie(gate.url, 'theme', 'dark')
      client.setCookie(gate.url, 'htgate-login-12345678', 'x')
      await client.get(`${gate.url}/`)
      expect(valuesOf(upstream.seen.at(-1), 'cookie')).toEqual(['theme=dark'])
    })

    test('the issuer’s bearer tokens are accepted, its ID tokens are not', async () => {
      const { gate, issuer, upstream } = await startLab({ start })
      const token = await issuer.programToken()
      const answer = await request(`${gate.url}/`, { headers: { authorization: `Bearer ${token}` } })
      expect(answer.status).toBe(200)
      expect(valuesOf(upstream.seen.at(-1), 'x-forwarded-user')).toEqual(['sub:mlflow'])
    })

    test('a wrong password at the issuer does not log in', async () => {
      const { gate, issuer } = await startLab({ start })
      if (name !== 'zitadel') return
      const client = new WebClient()
      const page = await issuer.logIn(client, await client.open(`${gate.url}/`), 'ann', 'wrong')
      expect(page.body).toContain('user or password is wrong')
      expect(client.cookie(gate.url, 'htgate')).toBeUndefined()
    })
  })
}

describe('redirects to the login', () => {
  test('requests by pages and programs get a 401 in JSON, without a browser dialog', async () => {
    const { gate } = await startLab()
    const browser = { 'user-agent': 'Mozilla/5.0', 'sec-fetch-mode': 'cors', accept: '*/*' }
    const xhr = await request(`${gate.url}/ajax-api/2.0/mlflow/runs/search`, {
      method: 'POST',
      headers: browser,
    })
    expect(xhr.status).toBe(401)
    expect(xhr.headers['content-type']).toBe('application/json')
    expect(xhr.headers['www-authenticate']).toMatch(/^Bearer realm=/)
    expect(JSON.parse(xhr.body)).toMatchObject({ error: 'UNAUTHENTICATED' })

    const program = await request(`${gate.url}/api/2.0/mlflow/runs/search`, { headers: { accept: '*/*' } })
    expect(program.status).toBe(401)
    expect(program.headers['www-authenticate']).toMatch(/^Basic realm=.*, Bearer realm=/)
    for (const headers of [
      { accept: 'application/json' },
      { accept: 'application/json, text/html' },
      { accept: 'text/html', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
      { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    ]) {
      expect((await request(`${gate.url}/`, { headers })).status).toBe(401)
    }
    expect((await request(`${gate.url}/`, { method: 'POST', headers: { accept: 'text/html' } })).status).toBe(
      401,
    )
    const page = await request(`${gate.url}/`, { headers: { accept: 'text/html' } })
    expect(page).toMatchObject({ status: 302, headers: { location: '/.htgate/login?return=%2F' } })
  })

  test('passwords still work', async () => {
    const { gate } = await startLab()
    expect((await asAlice(`${gate.url}/`)).status).toBe(200)
  })

  test('/.htgate/password shows the browser’s dialog, and its session ends with the account', async () => {
    const { gate } = await startLab()
    const client = new WebClient()
    const asked = await client.get(`${gate.url}/.htgate/password?return=%2Fruns`)
    expect(asked.status).toBe(401)
    expect(asked.headers.get('www-authenticate')).toMatch(/^Basic realm=/)
    const authorization = `Basic ${Buffer.from('alice:secret').toString('base64')}`
    const done = await client.get(asked.url, { authorization })
    expect(done.headers.get('location')).toBe('/runs')
    expect((await client.get(`${gate.url}/runs`)).status).toBe(200)
  })
})

describeIf(goMissing(), 'a login in two tabs', () => {
  test('tabs do not interfere with each other', async () => {
    const { gate, issuer } = await startLab({ start: startZitadel })
    const client = new WebClient()
    const one = await client.open(`${gate.url}/one`)
    const two = await client.open(`${gate.url}/two`)
    for (const [tab, path] of [
      [one, '/one'],
      [two, '/two'],
    ] as const) {
      const page = await issuer.logIn(client, tab, 'ann', 'ann-pw')
      expect(page).toMatchObject({ status: 200, url: gate.url + path })
    }
    expect([...(client.cookies.get(new URL(gate.url).host) ?? new Map()).keys()]).toEqual(['htgate'])
  })
})

describe('a login in progress', () => {
  test('F5 and the back button on the callback continue, and the code is not reused', async () => {
    const { gate, logIn, issuer } = await startLab()
    const { client } = await logIn('/runs')
    const callback = client.visited.find((url) => url.includes('/.htgate/callback')) as string
    const again = await client.get(callback)
    expect(again).toMatchObject({ status: 302 })
    expect(again.headers.get('location')).toBe('/')
    expect((await client.get(`${gate.url}/`)).status).toBe(200)
    expect(issuer.name).toBe('oidc-provider')
  })

  test('unfinished logins do not pile up cookies', async () => {
    const { gate } = await startLab()
    const client = new WebClient()
    for (let i = 0; i < 12; i++) await client.open(`${gate.url}/${i}`)
    const names = [...(client.cookies.get(new URL(gate.url).host) ?? new Map()).keys()]
    expect(names.length).toBeLessThanOrEqual(6)
  })

  test('a browser passes through a page that preserves the fragment', async () => {
    const { gate, issuer } = await startLab()
    const client = new WebClient()
    const bounce = await client.get(`${gate.url}/.htgate/login?return=%2F`, { 'sec-fetch-dest': 'document' })
    expect(bounce.status).toBe(200)
    expect(bounce.body).toContain('<script src="/.htgate/login.js" defer></script>')
    expect(bounce.headers.get('content-security-policy')).toMatch(/script-src 'self'/)
    const login = await client.open(
      `${gate.url}/.htgate/login?return=%2F&go=1&fragment=%23%2Fexperiments%2F1`,
    )
    const page = await issuer.logIn(client, login, 'ann', 'ann-pw')
    expect(page.status).toBe(200)
    const callback = client.visited.findIndex((url) => url.includes('/.htgate/callback'))
    expect(client.visited[callback + 1]).toBe(`${gate.url}/#/experiments/1`)
  })

  test.each([
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'https://evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/.//evil.example',
    '/x/..//evil.example',
    '/%2e//evil.example',
    'javascript:alert(1)',
    '@evil.example',
    '/.htgate/logout',
    '/.htgate/callback?code=x&state=y',
    `/${'x'.repeat(3000)}`,
    '/é',
  ])('it does not redirect to %j', async (target) => {
    const { gate, issuer } = await startLab()
    const client = new WebClient()
    const login = await client.open(`${gate.url}/.htgate/login?return=${encodeURIComponent(target)}`)
    const page = await issuer.logIn(client, login, 'ann', 'ann-pw')
    expect(page.url).toBe(`${gate.url}/`)
  })
})

describe('attacks on a login', () => {
  test('a callback for a login that this browser did not start does not log in', async () => {
    const { gate, issuer } = await startLab()
    const attacker = new WebClient()
    const login = await attacker.open(`${gate.url}/`)
    await issuer.logIn(attacker, login, 'bob', 'bob-pw')
    const callback = attacker.visited.find((url) => url.includes('/.htgate/callback')) as string
    const victim = new WebClient()
    const page = await victim.get(callback)
    expect(page.status).toBe(400)
    expect(victim.cookie(gate.url, 'htgate')).toBeUndefined()
  })

  test('state, code and nonce of another login are rejected', async () => {
    const { gate, issuer } = await startLab()
    const client = new WebClient()
    const login = await client.open(`${gate.url}/one`)
    await issuer.logIn(client, login, 'ann', 'ann-pw')
    const callback = new URL(client.visited.find((url) => url.includes('/.htgate/callback')) as string)
    const other = new WebClient()
    await other.open(`${gate.url}/`)
    const state = new URL(other.visited.find((url) => url.includes('code_challenge')) as string).searchParams
    callback.searchParams.set('state', state.get('state') as string)
    const page = await other.get(callback.href)
    expect(page.status).toBe(403)
    expect(other.cookie(gate.url, 'htgate')).toBeUndefined()
    for (const change of ['state=', 'state=x', 'error=access_denied', 'error=server_error&state=x']) {
      expect((await other.get(`${gate.url}/.htgate/callback?${change}`)).status).toBe(400)
    }
  })

  test('an issuer’s error is shown on a page, without its text', async () => {
    const { gate } = await startLab()
    const client = new WebClient()
    await client.open(`${gate.url}/`)
    const sent = new URL(client.visited.find((url) => url.includes('code_challenge')) as string)
    const state = sent.searchParams.get('state')
    const iss = encodeURIComponent(sent.origin)
    const text = encodeURIComponent('<script>alert(1)</script>')
    const page = await client.get(
      `${gate.url}/.htgate/callback?error=access_denied&error_description=${text}&state=${state}&iss=${iss}`,
    )
    expect(page.status).toBe(403)
    expect(page.body).toContain('The issuer denied access.')
    expect(page.body).not.toContain('alert(1)')
  })

  test('a response of another issuer is rejected', async () => {
    const { gate, issuer } = await startLab()
    const client = new WebClient()
    const login = await client.open(`${gate.url}/`)
    const sent = new URL(client.visited.find((url) => url.includes('code_challenge')) as string)
    const state = sent.searchParams.get('state')
    const page = await client.get(
      `${gate.url}/.htgate/callback?code=abc&state=${state}&iss=${encodeURIComponent('https://evil.example')}`,
    )
    expect(page.status).toBe(403)
    expect(login.url.startsWith(issuer.url)).toBe(true)
  })

  test('a session of another gate or secret is rejected', async () => {
    const lab = await startLab()
    const other = await startLab()
    const { client } = await lab.logIn()
    const thief = new WebClient()
    thief.setCookie(other.gate.url, 'htgate', client.cookie(lab.gate.url, 'htgate') as string)
    expect((await thief.get(`${other.gate.url}/`)).status).toBe(302)
  })

  test('over plain HTTP, only this machine’s names have a login', async () => {
    const { gate } = await startLab()
    const page = await request(`${gate.url}/.htgate/login`, {
      headers: { host: 'mlflow.example.org', accept: 'text/html' },
    })
    expect(page.status).toBe(403)
    expect(page.body).toContain('Login requires HTTPS')
    const evil = await request(`${gate.url}/.htgate/login`, {
      headers: { host: 'evil/..', accept: 'text/html' },
    })
    expect(evil.status).toBe(400)
  })
})

describe('logging out', () => {
  test('a form logs out, here and at the issuer; afterwards the cookie is worthless', async () => {
    const { gate, logIn } = await startLab()
    const { client } = await logIn()
    const value = client.cookie(gate.url, 'htgate') as string
    const account = await client.get(`${gate.url}/.htgate/`)
    const index = formsIn(account).findIndex(({ action }) => action.endsWith('/logout'))
    const after = await client.submit(account, {}, index)
    expect(client.visited.some((url) => url.includes('/session/end?'))).toBe(true)
    expect(after.status).toBe(200)
    expect(client.cookie(gate.url, 'htgate')).toBeUndefined()
    const thief = new WebClient()
    thief.setCookie(gate.url, 'htgate', value)
    expect((await thief.get(`${gate.url}/`)).status).toBe(302)
  })

  test('another site cannot log the user out', async () => {
    const { gate, logIn } = await startLab()
    const { client } = await logIn()
    const account = await client.get(`${gate.url}/.htgate/`)
    const code = formsIn(account).at(-1)?.hidden.code as string
    for (const [fields, headers] of [
      [{}, {}],
      [{ code: 'x' }, {}],
      [{ code }, { origin: 'https://evil.example' }],
      [{ code }, { 'sec-fetch-site': 'cross-site' }],
      [{ code }, { origin: 'null' }],
    ] as [Record<string, string>, Record<string, string>][]) {
      expect((await client.post(`${gate.url}/.htgate/logout`, fields, headers)).status).toBe(403)
    }
    expect((await client.get(`${gate.url}/`)).status).toBe(200)
  })
})

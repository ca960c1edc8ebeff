import { readFileSync, writeFileSync } from 'node:fs'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createToken } from '../../../src/auth/providers/tokens/token-file.js'
import { passwordFile, record, request, startGate, until, valuesOf } from '../../support/gate.js'
import { formsIn, WebClient } from '../../support/web-client.js'
import { startLab } from './support.js'

describe('over time', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
  })

  test('a session is renewed silently when a page is opened, with current groups', async () => {
    const { gate, logIn, users, upstream } = await startLab({ args: ['--session-ttl', '4s'] })
    const { client } = await logIn()
    const first = client.cookie(gate.url, 'htgate') as string
    vi.advanceTimersByTime(2100)
    Object.assign(users.ann as object, { groups: [] })
    const asked = client.visited.length
    const page = await client.open(`${gate.url}/runs?a=1`)
    expect(page).toMatchObject({ status: 200, url: `${gate.url}/runs?a=1` })
    const on = client.visited.slice(asked)
    expect(on.some((url) => url.includes('prompt=none'))).toBe(true)
    expect(client.cookie(gate.url, 'htgate')).not.toBe(first)
    expect(valuesOf(upstream.seen.at(-1), 'x-forwarded-groups')).toEqual([])
  })

  test('if the user is logged out at the issuer, the next page leads to its login', async () => {
    const { gate, issuer, logIn } = await startLab({ args: ['--session-ttl', '4s'] })
    const { client } = await logIn()
    const value = client.cookie(gate.url, 'htgate') as string
    vi.advanceTimersByTime(2100)
    client.cookies.delete(new URL(issuer.url).host)
    const page = await client.open(`${gate.url}/`)
    expect(page.url.startsWith(issuer.url)).toBe(true)
    const thief = new WebClient()
    thief.setCookie(gate.url, 'htgate', value)
    expect((await thief.get(`${gate.url}/`)).status).toBe(302)
  })

  test('a page’s requests are accepted until the session ends, and then get 401', async () => {
    const { gate, logIn } = await startLab({ args: ['--session-ttl', '3s'] })
    const { client } = await logIn()
    const xhr = { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }
    vi.advanceTimersByTime(1600)
    expect((await client.get(`${gate.url}/`, xhr)).status).toBe(200)
    vi.advanceTimersByTime(1500)
    const ended = await client.get(`${gate.url}/`, xhr)
    expect(ended.status).toBe(401)
    expect(ended.headers.get('content-type')).toBe('application/json')
  })

  test('while the issuer is down, sessions stay valid, and browsers are not redirected to it', async () => {
    const { gate, issuer, logIn } = await startLab({ args: ['--session-ttl', '20s'] })
    const { client } = await logIn()
    vi.advanceTimersByTime(10_100)
    await issuer.stop()
    const page = await client.open(`${gate.url}/`)
    expect(page).toMatchObject({ status: 200, url: `${gate.url}/` })
    const stranger = await new WebClient().open(`${gate.url}/`)
    expect(stranger.status).toBe(503)
    expect(stranger.body).toContain('is not responding')
  })
})

test('the gate starts without the issuer, logs that, and accepts passwords and sessions', async () => {
  const lab = await startLab()
  const { client } = await lab.logIn()
  const value = client.cookie(lab.gate.url, 'htgate') as string
  await lab.issuer.stop()
  const gate = await startGate({ upstream: lab.upstream.url, args: [...lab.args, '--admin', '127.0.0.1:0'] })
  expect(gate.said()).toMatch(
    /htgate: http:\/\/127.0.0.1:\d+: .*ECONNREFUSED.*; logins at this issuer are unavailable/,
  )
  const replica = new WebClient()
  replica.setCookie(gate.url, 'htgate', value)
  expect((await replica.get(`${gate.url}/`)).status).toBe(200)
})

describe('sessions begun with a password', () => {
  const asUser = (user: string, password: string) => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  })

  async function logInWith(url: string, password = 'secret'): Promise<WebClient> {
    const client = new WebClient()
    await client.get(`${url}/.htgate/password`, asUser('alice', password))
    return client
  }

  test('end when the password changes, with their open connections; other users’ stay', async () => {
    const bob = record('bob', 'secret')
    const file = passwordFile(record('alice', 'secret') + bob)
    const { gate, upstream } = await startLab({ file })
    const client = await logInWith(gate.url)
    const other = new WebClient()
    await other.get(`${gate.url}/.htgate/password`, asUser('bob', 'secret'))
    expect((await client.get(`${gate.url}/`)).status).toBe(200)
    let isOpen = false
    upstream.server.removeAllListeners('request')
    upstream.server.on('request', ({ url }, response) => {
      if (url !== '/events') return response.end('ok')
      response.write('open')
      isOpen = true
    })
    const cookie = `htgate=${client.cookie(gate.url, 'htgate')}`
    const open = request(`${gate.url}/events`, { headers: { cookie } })
    const ended = open.then(
      () => 'complete',
      () => 'aborted',
    )
    await until(() => isOpen)

    writeFileSync(file, record('alice', 'changed') + bob)
    await until(async () => (await client.get(`${gate.url}/`)).status !== 200)
    expect(await ended).toBe('aborted')
    expect((await other.get(`${gate.url}/.htgate/`)).status).toBe(200)
    const again = await logInWith(gate.url, 'changed')
    expect((await again.get(`${gate.url}/.htgate/`)).status).toBe(200)
  })

  test('end with the user’s record', async () => {
    const file = passwordFile(record('alice', 'secret') + record('bob', 'x'))
    const { gate } = await startLab({ file })
    const client = await logInWith(gate.url)
    expect((await client.get(`${gate.url}/`)).status).toBe(200)
    writeFileSync(file, record('bob', 'x'))
    await until(async () => (await client.get(`${gate.url}/`)).status !== 200)
  })

  test('survive a rehash of the record at that login', async () => {
    const file = passwordFile()
    const { gate } = await startLab({ file, args: ['--rehash', 'bcrypt:5'] })
    const client = await logInWith(gate.url)
    await until(() => gate.output().includes('rehashed the record'), gate.output)
    expect(readFileSync(file, 'utf8')).toContain('$05$')
    expect((await client.get(`${gate.url}/`)).status).toBe(200)
    gate.reload()
    await until(() => gate.output().split(': 1 user').length > 1, gate.output)
    expect((await client.get(`${gate.url}/`)).status).toBe(200)
  })

  test('do not begin with a token used as the password', async () => {
    const { gate, tokenFile } = await startLab()
    const made = { user: 'alice', role: 'read', name: 'ci', account: 'file' } as const
    const { token } = await createToken(tokenFile, made)
    await until(async () => (await request(gate.url, { headers: asUser('x', token) })).status === 200)
    const page = await new WebClient().get(`${gate.url}/.htgate/password`, asUser('alice', token))
    expect(page.status).toBe(401)
    expect(page.headers.get('set-cookie')).toBeNull()
  })
})

test('after SIGHUP with a new secret, sessions of the old one end only once that is removed', async () => {
  const { gate, logIn, secretFile } = await startLab()
  const { client } = await logIn()
  writeFileSync(
    secretFile,
    'another session secret of 32 characters and more\na session secret of more than 32 characters\n',
  )
  gate.reload()
  await until(() => gate.output().includes('session secrets reloaded'), gate.output)
  expect((await client.get(`${gate.url}/`)).status).toBe(200)
  writeFileSync(secretFile, 'another session secret of 32 characters and more\n')
  gate.reload()
  await until(() => gate.output().split('session secrets reloaded').length > 2, gate.output)
  expect((await client.get(`${gate.url}/`)).status).toBe(302)
})

test('a logout in one process ends the session in all', async () => {
  const { gate, logIn } = await startLab({ args: ['--workers', '3'] })
  const { client } = await logIn()
  const value = client.cookie(gate.url, 'htgate') as string
  const account = await client.get(`${gate.url}/.htgate/`)
  const index = formsIn(account).findIndex(({ action }) => action.endsWith('/logout'))
  await client.submit(account, {}, index)
  const statuses = async () => {
    const all = new Set<number | undefined>()
    for (let i = 0; i < 12; i++) {
      all.add((await request(`${gate.url}/`, { headers: { cookie: `htgate=${value}` } })).status)
    }
    return [...all]
  }
  await expect.poll(statuses, { timeout: 20_000 }).toEqual([401])
})

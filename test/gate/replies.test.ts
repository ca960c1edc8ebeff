import { once } from 'node:events'
import { chmodSync, renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { asAlice, passwordFile, request, startGate, startUpstream, until } from '../support/gate.js'
import { basic } from '../support/requests.js'
import { freePort } from '../support/servers.js'

const HTML = { accept: 'text/html,application/xhtml+xml' }

describe('without a login', () => {
  test('401, and JSON that MLflow’s client shows', async () => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, args: ['--realm', 'The "lab"'] })
    const { status, headers, body } = await request(gate.url)
    expect(status).toBe(401)
    expect(headers['www-authenticate']).toBe('Basic realm="The \\"lab\\"", charset="UTF-8"')
    expect(headers['content-type']).toBe('application/json')
    expect(headers['cache-control']).toBe('no-store')
    const { error_code, message } = JSON.parse(body)
    expect(error_code).toBe('UNAUTHENTICATED')
    expect(message).toMatch(/MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD/)
    expect(upstream.heads()).toBe(0)
  })

  test('a page for a browser', async () => {
    const gate = await startGate({ upstream: 'http://127.0.0.1:9' })
    const { status, headers, body } = await request(gate.url, { headers: HTML })
    expect(status).toBe(401)
    expect(headers['www-authenticate']).toMatch(/^Basic realm="MLflow Login"/)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(body).toMatch(/<title>Login needed<\/title>/)
  })

  test('no body for HEAD, and the connection goes on', async () => {
    const gate = await startGate({ upstream: 'http://127.0.0.1:9' })
    const { status, headers, body } = await request(gate.url, { method: 'HEAD' })
    expect([status, body]).toEqual([401, ''])
    expect(Number(headers['content-length'])).toBeGreaterThan(100)
  })

  test('a wrong password, an unknown user, and what is no Basic', async () => {
    const gate = await startGate({ upstream: 'http://127.0.0.1:9' })
    const say = async (authorization: string) => {
      const { status, body } = await request(gate.url, { headers: { authorization } })
      return `${status} ${JSON.parse(body).message}`
    }
    const wrong = await say(basic('alice', 'wrong'))
    expect(wrong).toMatch(/^401 The user name or the password is wrong/)
    expect(await say(basic('nobody', 'secret'))).toBe(wrong)
    expect(await say('Basic %%%')).toMatch(/^401 The Authorization header is not valid/)
    expect(await say('Bearer abc')).toMatch(/^401 This server needs a user name/)
  })
})

describe('the upstream', () => {
  test('that is down: 502, in the client’s language, and a line in the log', async () => {
    const gate = await startGate({ upstream: `http://127.0.0.1:${await freePort()}` })
    const { status, body } = await asAlice(gate.url)
    expect(status).toBe(502)
    expect(JSON.parse(body)).toMatchObject({ error_code: 'TEMPORARILY_UNAVAILABLE' })
    expect((await asAlice(gate.url, { headers: HTML })).body).toMatch(
      /<title>The server behind this gate is down/,
    )
    await until(() =>
      gate.log().some(({ level, message }) => level === 'error' && /ECONNREFUSED/.test(String(message))),
    )
  })

  test('that is silent: 504', async () => {
    const upstream = await startUpstream(() => {})
    const gate = await startGate({ upstream: upstream.url, args: ['--upstream-timeout', '0.5'] })
    const { status, body } = await asAlice(gate.url)
    expect(status).toBe(504)
    expect(JSON.parse(body).error_code).toBe('DEADLINE_EXCEEDED')
  })

  test('that talks nonsense: 502', async () => {
    const nonsense = createServer((socket) => void socket.end('what?\r\n\r\n'))
    await once(nonsense.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void nonsense.close())
    const { port } = nonsense.address() as { port: number }
    const gate = await startGate({ upstream: `http://127.0.0.1:${port}` })
    expect((await asAlice(gate.url)).status).toBe(502)
  })

  test('whose own errors are passed on whole', async () => {
    const upstream = await startUpstream((_, response) =>
      response.writeHead(500, 'Oh no', { 'X-Own': '1' }).end('{"error_code":"INTERNAL_ERROR"}'),
    )
    const gate = await startGate({ upstream: upstream.url })
    const answer = await asAlice(gate.url)
    expect([answer.status, answer.headers['x-own'], answer.body]).toEqual([
      500,
      '1',
      '{"error_code":"INTERNAL_ERROR"}',
    ])
  })

  test('MLflow that does not know the Host: the log names the options that help', async () => {
    const upstream = await startUpstream(({ url }, response) =>
      response
        .writeHead(403)
        .end(
          url === '/host'
            ? 'Invalid Host header - possible DNS rebinding attack detected'
            : 'Cross-origin request blocked',
        ),
    )
    const gate = await startGate({ upstream: upstream.url })
    expect((await asAlice(`${gate.url}/host`)).body).toMatch(/^Invalid Host/)
    await asAlice(`${gate.url}/origin`)
    const messages = () => gate.log().map(({ message }) => String(message))
    await until(() => messages().some((text) => /--allowed-hosts.*--upstream-host/.test(text)), gate.output)
    await until(() => messages().some((text) => /--cors-allowed-origins/.test(text)), gate.output)
  })
})

test('a password file that has gone: 503, never 401, and all is well when it is back', async () => {
  const upstream = await startUpstream()
  const file = passwordFile()
  const gate = await startGate({ upstream: upstream.url, file })
  expect((await asAlice(gate.url)).status).toBe(200)
  renameSync(file, `${file}.away`)
  await until(() => gate.log().some(({ level }) => level === 'error'), gate.output)
  const { status, headers } = await asAlice(gate.url)
  expect(status).toBe(503)
  expect(headers['retry-after']).toBe('10')
  renameSync(`${file}.away`, file)
  chmodSync(file, 0o600)
  for (let last = 503; last !== 200; ) last = (await asAlice(gate.url)).status
})

import { once } from 'node:events'
import { chmodSync, renameSync } from 'node:fs'
import { get } from 'node:https'
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makeCertificate } from '../support/certificate.js'
import { temporaryFolder } from '../support/folder.js'
import { ALICE, asAlice, passwordFile, request, startGate, startUpstream, until } from '../support/gate.js'
import { describeWith } from '../support/peers.js'
import { basic } from '../support/requests.js'
import { freePort } from '../support/servers.js'

const HTML = { accept: 'text/html,application/xhtml+xml' }

describe('without a login', () => {
  test('the response is 401, with JSON that MLflow’s client displays', async () => {
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

  test('a browser gets a page', async () => {
    const gate = await startGate({ upstream: 'http://127.0.0.1:9' })
    const { status, headers, body } = await request(gate.url, { headers: HTML })
    expect(status).toBe(401)
    expect(headers['www-authenticate']).toMatch(/^Basic realm="MLflow Login"/)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(body).toMatch(/<title>Login required<\/title>/)
  })

  test('HEAD gets no body, and the connection is kept', async () => {
    const gate = await startGate({ upstream: 'http://127.0.0.1:9' })
    const { status, headers, body } = await request(gate.url, { method: 'HEAD' })
    expect([status, body]).toEqual([401, ''])
    expect(Number(headers['content-length'])).toBeGreaterThan(100)
  })

  test('a wrong password and an unknown user get the same message, malformed credentials another one', async () => {
    const gate = await startGate({ upstream: 'http://127.0.0.1:9' })
    const say = async (authorization: string) => {
      const { status, body } = await request(gate.url, { headers: { authorization } })
      return `${status} ${JSON.parse(body).message}`
    }
    const wrong = await say(basic('alice', 'wrong'))
    expect(wrong).toMatch(/^401 The user name or password is wrong/)
    expect(await say(basic('nobody', 'secret'))).toBe(wrong)
    expect(await say('Basic %%%')).toMatch(/^401 The Authorization header is not valid/)
    expect(await say('Bearer abc')).toMatch(/^401 This server requires a user name/)
  })
})

describeWith(['openssl'], 'plain HTTP on the HTTPS port', () => {
  test('gets a 400 with the reason, and is logged; HTTPS still works', async () => {
    const folder = temporaryFolder()
    const { cert, key, ca } = makeCertificate(folder, 'localhost')
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, args: ['--tls-cert', cert, '--tls-key', key] })
    const { status, body } = await asAlice(gate.url, { method: 'POST', body: 'x'.repeat(100_000) })
    expect(status).toBe(400)
    expect(body).toContain('https://')
    await until(() => gate.log().some(({ reason, status }) => reason === 'plain-http' && status === 400))
    expect(upstream.heads()).toBe(0)

    const secure = await new Promise<number>((resolve, reject) => {
      const headers = { authorization: ALICE }
      get(`https://127.0.0.1:${gate.port}/`, { ca, headers, agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode as number)
      }).on('error', reject)
    })
    expect(secure).toBe(200)
  })
})

describe('a damaged password is reported', () => {
  const messageFor = async (url: string, credentials: Buffer) => {
    const authorization = `Basic ${credentials.toString('base64')}`
    const { status, body } = await request(url, { headers: { authorization } })
    return `${status} ${body}`
  }

  test('with a line break, or in Latin-1, whether or not the user exists', async () => {
    const gate = await startGate({ upstream: 'http://127.0.0.1:9' })
    for (const user of ['alice', 'nobody']) {
      const broken = await messageFor(gate.url, Buffer.from(`${user}:secret\n`))
      expect(broken).toMatch(/^401 .*ends with a line break.*MLFLOW_TRACKING_PASSWORD/)
      expect(broken).not.toContain('Set the environment variables')
      const latin = await messageFor(gate.url, Buffer.from(`${user}:pässwörd`, 'latin1'))
      expect(latin).toMatch(/^401 .*not valid UTF-8.*Latin-1.*MLFLOW_TRACKING_USERNAME/)
    }
    expect(await messageFor(gate.url, Buffer.from('zoë:secret', 'latin1'))).toMatch(/not valid UTF-8/)
  })

  test('--app none mentions neither MLflow’s variables nor its errors', async () => {
    const gate = await startGate({ upstream: 'http://127.0.0.1:9', args: ['--app', 'none'] })
    const { headers, body } = await request(gate.url)
    expect(headers['www-authenticate']).toMatch(/^Basic realm="Login"/)
    expect(JSON.parse(body)).toEqual({
      error: 'UNAUTHENTICATED',
      message: 'This server requires a user name and password.',
    })
    const page = await request(gate.url, { headers: HTML })
    const broken = await messageFor(gate.url, Buffer.from('alice:secret\n'))
    expect(page.body + broken).not.toMatch(/mlflow/i)
  })
})

describe('an upstream', () => {
  test('that is down: 502, in the client’s format, and a log line', async () => {
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

  test('that sends an invalid response: 502', async () => {
    const nonsense = createServer((socket) => {
      socket.on('error', () => {}).end('what?\r\n\r\n')
    })
    await once(nonsense.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void nonsense.close())
    const { port } = nonsense.address() as { port: number }
    const gate = await startGate({ upstream: `http://127.0.0.1:${port}` })
    expect((await asAlice(gate.url)).status).toBe(502)
  })

  test('that responds with errors: they are passed on unchanged', async () => {
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

  test('that is MLflow and rejects the Host: the log says which options help', async () => {
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

  test('that is MLflow with --allowed-hosts gets the client’s Host after its first refusal', async () => {
    const upstream = await startUpstream(({ headers }, response) => {
      if (headers.host === 'mlflow.example') response.end(headers.host)
      else response.writeHead(403).end('Invalid Host header - possible DNS rebinding attack detected')
    })
    const gate = await startGate({ upstream: upstream.url })
    const statuses: number[] = []
    for (let i = 0; i < 3; i++) {
      statuses.push((await asAlice(gate.url, { headers: { host: 'mlflow.example' } })).status)
    }
    expect(statuses).toEqual([403, 200, 200])
  })
})

test('a missing password file: 503, never 401, until it is back', async () => {
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

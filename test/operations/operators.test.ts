import { renameSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  asAlice,
  passwordFile,
  raw,
  record,
  request,
  startGate,
  startGateProcess,
  startUpstream,
  until,
} from '../support/gate.js'
import { basic } from '../support/requests.js'
import { freePort } from '../support/servers.js'

// What operators and their tools see: log, health, metrics.

test('the log has a line per request, without query, password or headers', async () => {
  const upstream = await startUpstream()
  const gate = await startGate({ upstream: upstream.url })
  await asAlice(`${gate.url}/api/x?token=hidden`, {
    method: 'POST',
    body: 'b',
    headers: { 'user-agent': 'curl/8' },
  })
  await request(`${gate.url}/y`, { headers: { authorization: basic('eve', 'guess') } })
  await until(() => gate.log().filter(({ status }) => status).length === 2, gate.output)
  const [first, second] = gate.log().filter(({ status }) => status)
  expect(first).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    level: 'info',
    user: 'alice',
    client: '127.0.0.1',
    method: 'POST',
    path: '/api/x',
    status: 200,
    bytes: 2,
    ms: expect.any(Number),
    upstream_ms: expect.any(Number),
    reason: null,
    provider: 'file',
    via: 'password',
    missing_role: null,
    user_agent: 'curl/8',
  })
  expect(second).toMatchObject({
    user: 'eve',
    path: '/y',
    status: 401,
    upstream_ms: null,
    reason: 'denied',
    provider: null,
  })
  expect(gate.output()).not.toMatch(/hidden|guess|secret|Basic|YWxpY2U/)
})

test('invalid and unanswered requests are counted and logged, too', async () => {
  const upstream = await startUpstream()
  const port = await freePort()
  const gate = await startGate({ upstream: upstream.url, args: ['--admin', `127.0.0.1:${port}`] })
  await until(() => gate.said().includes('/metrics on'))
  await raw(gate.port, 'nonsense\r\n\r\n').closed
  await raw(gate.port, 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n').closed
  await raw(gate.port, `GET / HTTP/1.1\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`).closed
  const lines = () => gate.log().filter(({ status }) => status)
  await until(() => lines().length === 3, gate.output)
  expect(lines().map(({ status, client }) => [status, client])).toEqual([
    [400, '127.0.0.1'],
    [405, '127.0.0.1'],
    [431, '127.0.0.1'],
  ])
  const { body } = await request(`http://127.0.0.1:${port}/metrics`)
  for (const status of [400, 405, 431])
    expect(body).toContain(`htgate_requests_total{status="${status}"} 1\n`)
})

test('--log text is for humans, and --log off writes nothing', async () => {
  const upstream = await startUpstream()
  const text = await startGate({ upstream: upstream.url, args: ['--log', 'text'] })
  await asAlice(`${text.url}/x`)
  await until(
    () =>
      /Z 127\.0\.0\.1 alice GET \/x 200 2 \d+\.\dms upstream=\d+\.\dms provider=file via=password\n/.test(
        text.output(),
      ),
    text.output,
  )
  const off = await startGateProcess({ upstream: upstream.url, args: ['--log', 'off'] })
  await asAlice(off.url)
  off.process.kill('SIGTERM')
  await off.ended
  expect(off.output()).toBe('')
})

test.each(['json', 'text'])(
  'no client can forge a line of the %s log, or send sequences to a terminal',
  async (format) => {
    const upstream = await startUpstream()
    const name = 'x"\u009b31m\u2028y'
    const gate = await startGate({
      upstream: upstream.url,
      args: ['--log', format],
      file: passwordFile(record(name, 'p')),
    })
    expect((await request(gate.url, { headers: { authorization: basic(name, 'p') } })).status).toBe(200)
    await until(() => gate.output().includes('31m'), gate.output)
    expect(gate.output()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028]/)
    if (format === 'json') expect(gate.log().find(({ status }) => status)?.user).toBe(name)
  },
)

test('an unread log does not delay requests', async () => {
  const upstream = await startUpstream()
  const gate = await startGateProcess({ upstream: upstream.url })
  gate.process.stdout?.pause()
  const line = `GET /${'x'.repeat(8000)} HTTP/1.1\r\nHost: x\r\n\r\n`
  const { text } = raw(gate.port, line.repeat(200))
  await until(() => text().split('HTTP/1.1 401').length > 200)
  expect((await asAlice(gate.url)).status).toBe(200)
})

test('/healthz, /readyz and /metrics are on a separate address', async () => {
  const upstream = await startUpstream()
  const port = await freePort()
  const file = passwordFile()
  const gate = await startGate({ upstream: upstream.url, file, args: ['--admin', `127.0.0.1:${port}`] })
  await until(() => gate.said().includes('/metrics on'))
  const ask = (path: string) => request(`http://127.0.0.1:${port}${path}`)
  await asAlice(gate.url)
  await request(gate.url)

  expect((await ask('/healthz')).status).toBe(200)
  expect((await ask('/readyz')).status).toBe(200)
  expect((await ask('/other')).status).toBe(404)
  const { headers, body } = await ask('/metrics')
  expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(body).toContain('htgate_requests_total{status="200"} 1\nhtgate_requests_total{status="401"} 1\n')
  expect(body).toContain('htgate_request_duration_seconds_bucket{le="+Inf"} 2\n')
  expect(body).toContain('htgate_logins_total{result="verified"} 1\n')
  // Prometheus's text format: each line a comment, or a name, labels and a number.
  for (const line of body.trimEnd().split('\n')) {
    expect(line).toMatch(
      /^(# (HELP|TYPE) htgate_\w+ .+|htgate_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [\d.e+-]+)$/,
    )
  }

  renameSync(file, `${file}.away`)
  await until(() => gate.log().some(({ level }) => level === 'error'), gate.output)
  expect((await ask('/readyz')).status).toBe(503)
  expect((await ask('/healthz')).status).toBe(200)
})

test('/healthz, /readyz and /metrics are not on the guarded address', async () => {
  const upstream = await startUpstream()
  const gate = await startGate({ upstream: upstream.url })
  expect((await request(`${gate.url}/healthz`)).status).toBe(401)
  await asAlice(`${gate.url}/healthz`)
  expect(upstream.seen[0]?.url).toBe('/healthz')
})

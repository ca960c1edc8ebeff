import { expect, test } from 'vitest'
import {
  ALICE,
  asAlice,
  passwordFile,
  raw,
  record,
  request,
  startGate,
  statuses,
  until,
} from '../support/gate.js'
import { basic } from '../support/requests.js'

// --forward-auth: a proxy asks whether a request may pass, and sends the client's address in X-Forwarded-For.

test('the response is 200 with the user, for any path and method', async () => {
  const gate = await startGate({})
  for (const options of [{}, { method: 'POST', body: 'x' }, { method: 'HEAD' }]) {
    const { status, headers, body } = await asAlice(`${gate.url}/any/path?x`, options)
    expect([status, headers['x-forwarded-user'], body]).toEqual([200, 'alice', ''])
  }
})

test("a user's name in any script is sent as UTF-8", async () => {
  const gate = await startGate({ file: passwordFile(record('Zoë', 'p')) })
  const { headers } = await request(gate.url, { headers: { authorization: basic('Zoë', 'p') } })
  expect(Buffer.from(String(headers['x-forwarded-user']), 'latin1').toString()).toBe('Zoë')
})

test('without a login, it is 401 with the realm, and a body that the proxy can pass on', async () => {
  const gate = await startGate({ args: ['--realm', 'Lab'] })
  const { status, headers, body } = await request(gate.url)
  expect(status).toBe(401)
  expect(headers['www-authenticate']).toBe('Basic realm="Lab", charset="UTF-8"')
  expect(headers['x-forwarded-user']).toBeUndefined()
  expect(JSON.parse(body).error_code).toBe('UNAUTHENTICATED')
})

test('failed logins count for the client that the proxy reports', async () => {
  const gate = await startGate({ args: ['--trust-proxy', 'loopback', '--login-failures', '2'] })
  const guess = (address: string, password: string) =>
    request(gate.url, { headers: { authorization: basic('alice', password), 'x-forwarded-for': address } })
  await guess('192.0.2.1', 'one')
  await guess('192.0.2.1', 'two')
  expect((await guess('192.0.2.1', 'secret')).status).toBe(429)
  expect((await guess('192.0.2.2', 'secret')).status).toBe(200)
})

test('the log has the original request, if the proxy sends it', async () => {
  const gate = await startGate({ args: ['--trust-proxy', 'loopback'] })
  await asAlice(`${gate.url}/check`, {
    headers: {
      'x-forwarded-method': 'PUT',
      'x-forwarded-uri': '/mlflow/artifact?x',
      'x-forwarded-for': '192.0.2.1',
    },
  })
  await asAlice(`${gate.url}/check`, { headers: { 'x-original-method': 'DELETE', 'x-original-uri': '/two' } })
  await until(() => gate.log().filter(({ status }) => status).length === 2, gate.output)
  const [first, second] = gate.log().filter(({ status }) => status)
  expect(first).toMatchObject({ method: 'PUT', path: '/mlflow/artifact', client: '192.0.2.1' })
  expect(second).toMatchObject({ method: 'DELETE', path: '/two' })
})

test('an upgrade is judged like any other request', async () => {
  const gate = await startGate({})
  const { text, closed } = raw(
    gate.port,
    `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${ALICE}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n`,
  )
  await closed
  expect(statuses(text())).toEqual([200])
})

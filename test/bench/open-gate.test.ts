import { spawn } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { environment } from '../support/environment.js'
import { request, startUpstream, until, valuesOf } from '../support/gate.js'
import { basic } from '../support/requests.js'
import { freePort } from '../support/servers.js'

test('the gate without a login that benchmarks use accepts every request', async () => {
  const upstream = await startUpstream()
  const port = await freePort()
  const args = ['bench/support/open-gate.js', upstream.url, String(port)]
  const child = spawn(process.execPath, args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ask = () => request(`http://127.0.0.1:${port}`, { headers: { authorization: basic('a', 'b') } })
  let status = 0
  await until(() => {
    if (status === 0)
      ask().then(
        (answer) => (status = answer.status),
        () => {},
      )
    return status !== 0 || child.exitCode !== null
  })
  expect(status).toBe(200)
  expect(valuesOf(upstream.seen[0], 'x-forwarded-user')).toEqual(['alice'])
})

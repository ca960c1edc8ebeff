import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server as HttpServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { logOf, startHtgate } from '../support/htgate.js'
import { postJson, startMlflow } from '../support/mlflow.js'
import { describeWith } from '../support/peers.js'
import { basic } from '../support/requests.js'
import { htpasswd } from '../support/run.js'
import type { Server } from '../support/servers.js'

// Coding agents that use MLflow's gateway, and pages of another origin that use its API: the real MLflow between htgate and
// a stand-in for the provider of a language model.

const APP = 'https://app.example'

describeWith(['mlflow'], 'MLflow’s gateway', () => {
  let folder: string
  let provider: HttpServer
  let seen: IncomingHttpHeaders[]
  let mlflow: Server
  let gate: Server

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'htgate-gateway-'))
    const passwords = join(folder, 'htpasswd')
    writeFileSync(passwords, '')
    for (const user of ['rita', 'will']) await htpasswd(['-bB', '-C', '4', passwords, user, user])
    provider = createServer((request, response) => {
      seen.push(request.headers)
      request.resume()
      response.setHeader('content-type', 'application/json').end(JSON.stringify(COMPLETION))
    })
    await once(provider.listen(0, '127.0.0.1'), 'listening')
    mlflow = await startMlflow(join(folder, 'mlflow'), {
      args: ['--cors-allowed-origins', APP],
      env: {
        MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS: 'true',
        MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES: 'http,https',
        MLFLOW_CRYPTO_KEK_PASSPHRASE: 'for the test alone',
      },
    })
    gate = await startHtgate([
      ...['--file', passwords, '--upstream', mlflow.url, '--cors-origins', APP],
      ...['--readers', 'user:rita', '--writers', 'user:will'],
    ])
    const { port } = provider.address() as AddressInfo
    const { secret } = await make('secrets', {
      secret_name: 'key',
      secret_value: { api_key: 'sk-server' },
      provider: 'openai',
      auth_config: { api_base: `http://127.0.0.1:${port}/v1` },
    })
    const { model_definition } = await make('model-definitions', {
      name: 'model',
      secret_id: secret.secret_id,
      provider: 'openai',
      model_name: 'm',
    })
    const linkage = {
      model_definition_id: model_definition.model_definition_id,
      linkage_type: 'PRIMARY',
      weight: 1,
    }
    await make('endpoints', { name: 'chat', model_configs: [linkage], usage_tracking: false })
  }, 180_000)

  beforeEach(() => {
    seen = []
  })

  afterAll(async () => {
    await gate?.stop()
    await mlflow?.stop()
    provider?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const make = (what: string, body: object) =>
    postJson(`${gate.url}/api/3.0/mlflow/gateway/${what}/create`, 'will', body)

  const chat = (path: string, headers: Record<string, string>) =>
    fetch(`${gate.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'hello' }] }),
    })

  test.each([
    '/gateway/openai/v1/chat/completions',
    '/gateway/mlflow/v1/chat/completions',
    '/gateway/proxy/chat/chat/completions',
  ])(
    'an agent logs in with X-MLflow-Authorization at %s, and the provider gets no user data',
    async (path) => {
      const response = await chat(path, {
        'x-mlflow-authorization': basic('will', 'will'),
        authorization: 'Bearer sk-agent',
        'x-forwarded-for': '10.9.8.7',
      })
      expect(response.status, await response.text()).toBe(200)
      expect(seen.length).toBe(1)
      const told = JSON.stringify(seen)
      expect(told).not.toMatch(/will|x-forwarded|x-real-ip|x-mlflow-authorization|127\.0\.0\.1:\d+".*"x-/i)
      expect(Object.keys(seen[0] ?? {}).filter((name) => /forwarded|real-ip|user$/.test(name))).toEqual([])
      const entries = () => logOf(gate).filter((entry) => entry.path === path)
      await expect.poll(entries).toMatchObject([{ user: 'will', status: 200 }])
    },
  )

  test('a reader may not use it, and a wrong login is rejected', async () => {
    const path = '/gateway/openai/v1/chat/completions'
    const agent = { authorization: 'Bearer sk-agent' }
    expect((await chat(path, { ...agent, 'x-mlflow-authorization': basic('rita', 'rita') })).status).toBe(403)
    expect((await chat(path, { ...agent, 'x-mlflow-authorization': basic('will', 'x') })).status).toBe(401)
    expect((await chat(path, agent)).status).toBe(401)
    expect(seen).toEqual([])
  })

  test('MLflow responds to an allowed origin’s preflight and to the request after it', async () => {
    const url = `${gate.url}/ajax-api/2.0/mlflow/experiments/create`
    const preflight = (origin: string) =>
      fetch(url, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      })
    const allowed = await preflight(APP)
    expect(allowed.status).toBe(200)
    expect(allowed.headers.get('access-control-allow-origin')).toBe(APP)
    expect((await preflight('https://evil.example')).status).toBe(401)

    const create = (origin: string) =>
      fetch(url, {
        method: 'POST',
        headers: { origin, authorization: basic('will', 'will'), 'content-type': 'application/json' },
        body: JSON.stringify({ name: `made by ${origin}` }),
      })
    const made = await create(APP)
    expect(made.status, await made.text()).toBe(200)
    expect(made.headers.get('access-control-allow-origin')).toBe(APP)
    expect((await create('https://evil.example')).status).toBe(403)
  })

  test('only /health and /version need no login', async () => {
    expect(await (await fetch(`${gate.url}/health`)).text()).toBe('OK')
    expect(await (await fetch(`${gate.url}/version`)).text()).toMatch(/^\d+\.\d+\.\d+$/)
    for (const path of ['/', '/static-files/x', '/ajax-api/3.0/mlflow/server-info', '/%68ealth']) {
      expect((await fetch(gate.url + path)).status, path).toBe(401)
    }
  })
})

const COMPLETION = {
  id: 'x',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hi' } }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
}

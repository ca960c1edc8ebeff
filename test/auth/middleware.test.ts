import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { serve } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AuthenticatedRequest, middleware, refusal } from '../../src/index.js'
import { authenticatorFor, type Subject } from '../support/authenticator.js'
import { basic } from '../support/requests.js'

const RECORD = 'ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' // `secret`
const REALM = 'The "lab"'

/** The URL of a server that greets the user by name. */
type Greeter = (subject: Subject) => Promise<string>

const nodeHttp: Greeter = (subject) => {
  const guard = middleware(subject)
  return listen((request: AuthenticatedRequest, response) => {
    guard(request, response, () => response.end(`hello ${request.user}`))
  })
}

const withExpress: Greeter = (subject) => {
  const app = express()
  app.use(middleware(subject))
  app.get('/', (request, response) => {
    response.send(`hello ${(request as AuthenticatedRequest).user}`)
  })
  return listen(app)
}

const withFastify: Greeter = async (subject) => {
  const app = fastify()
  onTestFinished(() => app.close())
  app.decorateRequest('user', '')
  app.addHook('onRequest', async (request, reply) => {
    const verdict = await subject.authenticate(request.raw.headersDistinct.authorization, request.ip)
    if (verdict.ok) {
      Object.assign(request, { user: verdict.user })
    } else {
      const { status, headers, body } = refusal(verdict, subject.realm)
      return reply.code(status).headers(headers).send(body)
    }
  })
  app.get('/', async (request) => `hello ${(request as { user?: string }).user}`)
  return app.listen({ host: '127.0.0.1', port: 0 })
}

const withHono: Greeter = async (subject) => {
  const app = new Hono<{ Variables: { user: string } }>()
  app.use(async (context, next) => {
    const verdict = await subject.authenticate(context.req.header('authorization'))
    if (!verdict.ok) {
      const { status, headers, body } = refusal(verdict, subject.realm)
      return new Response(body, { status, headers })
    }
    context.set('user', verdict.user)
    await next()
  })
  app.get('/', (context) => context.text(`hello ${context.get('user')}`))
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) =>
      resolve(`http://127.0.0.1:${port}`),
    )
    onTestFinished(() => void server.close())
  })
}

async function listen(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener)
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const get = (url: string, authorization?: string) =>
  fetch(url, authorization === undefined ? {} : { headers: { authorization } })

describe.each([
  ['node:http', nodeHttp],
  ['Express', withExpress],
  ['Fastify', withFastify],
  ['Hono', withHono],
])('%s', (_, greeter) => {
  test('accepts the right password, the first time and from the cache', async () => {
    const url = await greeter(await authenticatorFor([RECORD], { realm: REALM }))
    for (let i = 0; i < 2; i++) {
      const response = await get(url, basic('ann', 'secret'))
      expect(response.status).toBe(200)
      expect(await response.text()).toBe('hello ann')
    }
  })

  test('sends a challenge if it is missing or wrong', async () => {
    const url = await greeter(await authenticatorFor([RECORD], { realm: REALM }))
    for (const authorization of [undefined, basic('ann', 'wrong'), basic('eve', 'secret'), 'Basic ?']) {
      const response = await get(url, authorization)
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe('Basic realm="The \\"lab\\"", charset="UTF-8"')
      expect(await response.text()).toBe('A user name and password are required.\n')
    }
  })

  test('responds with 503, not 401, if passwords cannot be verified', async () => {
    const subject = await authenticatorFor([RECORD])
    const url = await greeter(subject)
    await subject.close()
    const response = await get(url, basic('ann', 'secret'))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(response.headers.has('www-authenticate')).toBe(false)
  })
})

test('a user who has to wait for others gets 503 with Retry-After', async () => {
  const subject = await authenticatorFor([RECORD], { workers: 1, queue: 0 })
  const url = await nodeHttp(subject)
  const responses = await Promise.all(
    Array.from({ length: 50 }, (_, i) => get(url, basic('ann', `guess ${i}`))),
  )
  const busy = responses.filter(({ status }) => status === 503)
  expect(busy.length).toBeGreaterThan(0)
  expect(busy[0]?.headers.get('retry-after')).toBe('1')
  expect(busy.length).toBe(subject.counters().busy)
})

test('two Authorization headers are rejected, even if each is valid', async () => {
  const url = new URL(await nodeHttp(await authenticatorFor([RECORD])))
  const line = `Authorization: ${basic('ann', 'secret')}\r\n`
  expect(await rawGet(url, line)).toContain('200 OK')
  expect(await rawGet(url, line + line)).toContain('401 Unauthorized')
})

function rawGet({ hostname, port }: URL, headers: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), hostname)
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('end', () => resolve(answer)).on('error', reject)
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`)
  })
}

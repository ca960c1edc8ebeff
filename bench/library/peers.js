// Servers that do the same job, each in a process: node:http, a password file, and `hello` for the right password.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { fileURLToPath } from 'node:url'
import bcrypt from 'bcryptjs'
import express from 'express'
import basicAuth from 'express-basic-auth'
import htpasswd from 'htpasswd-js'
import httpAuth from 'http-auth'
import { createAuthenticator, hash, middleware } from '../../dist/index.js'
import { firstLibrary, firstRelease } from '../support/first-release.js'
import { inTemporaryFolder, median, printTable } from '../support/measure.js'

const CONNECTIONS = 16
const SECONDS = 3
const RUNS = 3

const hello = (_, response) => response.end('hello')
const servers = {
  'no authentication': () => http.createServer(hello),
  htgate: () => guarded({ createAuthenticator, middleware }),
  'htgate 0.1': async () => guarded(await firstLibrary()),
  'htgate in Express': async () =>
    http.createServer(
      express()
        .use(middleware(await createAuthenticator({ file: 'users' })))
        .get('/', hello),
    ),
  'http-auth': () => http.createServer(httpAuth.basic({ file: 'users' }).check(hello)),
  'htpasswd-js': () =>
    http.createServer(async (request, response) => {
      const [username, password] = Buffer.from(request.headers.authorization.slice(6), 'base64')
        .toString()
        .split(':')
      if (await htpasswd.authenticate({ username, password, file: 'users' })) hello(request, response)
      else response.writeHead(401).end()
    }),
  'express-basic-auth with bcryptjs': () => {
    const users = new Map(
      readFileSync('users', 'utf8')
        .split('\n')
        .map((line) => line.split(':')),
    )
    const authorizer = (user, password, decide) =>
      bcrypt.compare(password, users.get(user) ?? '').then((right) => decide(null, right), decide)
    return http.createServer(
      express()
        .use(basicAuth({ authorizer, authorizeAsync: true }))
        .get('/', hello),
    )
  },
}

if (firstRelease() === undefined) delete servers['htgate 0.1']

if (process.argv[2] === '--serve') {
  const server = await servers[process.argv[3]]()
  server.listen(0, '127.0.0.1', () => process.send(server.address().port))
} else {
  await inTemporaryFolder(async () => {
    writeFileSync('users', `ann:${await hash('secret', { cost: 10 })}\n`)
    const rates = Object.fromEntries(Object.keys(servers).map((name) => [name, []]))
    for (let run = 0; run < RUNS; run++) {
      for (const name of Object.keys(servers)) rates[name].push(await rateOf(name))
    }
    const ours = median(rates.htgate)
    printTable([
      ['bcrypt, cost 10', 'requests/s', 'htgate is … times as fast'],
      ...Object.entries(rates).map(([name, runs]) => [
        name,
        median(runs).toLocaleString('en', { maximumFractionDigits: 1 }),
        (ours / median(runs)).toLocaleString('en', { maximumFractionDigits: 2 }),
      ]),
    ])
  })
}

async function guarded({ createAuthenticator, middleware }) {
  const guard = middleware(await createAuthenticator({ file: 'users' }))
  return http.createServer((request, response) => guard(request, response, () => hello(request, response)))
}

/** Requests per second by one user over several connections. */
async function rateOf(name) {
  const self = fileURLToPath(import.meta.url)
  const child = spawn(process.execPath, [self, '--serve', name], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [port] = await once(child, 'message')
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const get = () =>
    new Promise((resolve, reject) => {
      const options = { port, host: '127.0.0.1', agent, auth: 'ann:secret' }
      const request = http.get(options, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${name}: ${response.statusCode}`))
        response.resume().on('end', resolve)
      })
      request.on('error', reject)
    })
  await get()
  const start = performance.now()
  const end = start + SECONDS * 1e3
  let count = 0
  const client = async () => {
    for (; performance.now() < end; count++) await get()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, client))
  const rate = (count * 1e3) / (performance.now() - start)
  agent.destroy()
  child.kill()
  await once(child, 'exit')
  return rate
}

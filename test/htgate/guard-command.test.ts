import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { OUR_HTGATE } from '../support/htgate.js'
import { QUIET } from '../support/mlflow.js'
import { describeWith, peer } from '../support/peers.js'
import { basic } from '../support/requests.js'
import { htpasswd, run } from '../support/run.js'
import { freePort, type Server, startServer } from '../support/servers.js'

// htgate … -- COMMAND: htgate starts the server, guards it, and ends with it.

async function passwordFile(): Promise<string> {
  const file = join(temporaryFolder(), 'htpasswd')
  await htpasswd(['-cbB', file, 'alice', 'secret'])
  return file
}

/** Starts htgate with a Node program to guard; `{port}` in its source is replaced by its port. */
async function guard(source: string, options: readonly string[] = []): Promise<Server> {
  return guardCommand([process.execPath, '-e', source], options)
}

async function guardCommand(
  command: readonly string[],
  options: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Server> {
  const port = await freePort()
  const args = ['--file', await passwordFile(), '--listen', `127.0.0.1:${port}`, ...options, '--', ...command]
  const server = await startServer(process.execPath, [OUR_HTGATE, ...args], { port, env, patience: 150_000 })
  onTestFinished(server.stop)
  return server
}

const SERVER = `
  const server = require('node:http').createServer((request, response) => {
    if (request.url === '/exit') process.exit(7)
    if (request.url === '/slow') return setTimeout(() => response.end('done'), 1000)
    response.end(process.pid + ' ' + request.headers['x-forwarded-user'])
  }).listen({port}, '127.0.0.1')`

const authorization = { authorization: basic('alice', 'secret') }

/** How htgate ended: its status and the signal. */
async function exitOf({ process }: Server): Promise<[number | null, NodeJS.Signals | null]> {
  if (process.exitCode !== null || process.signalCode !== null) return [process.exitCode, process.signalCode]
  return (await once(process, 'exit')) as [number | null, NodeJS.Signals | null]
}

describe.each([
  ['one process', []],
  ['two workers', ['--workers', '2']],
])('a command behind htgate, %s', (_, options) => {
  test('is served only after a login', async () => {
    const server = await guard(SERVER, options)
    expect((await fetch(server.url)).status).toBe(401)
    const response = await fetch(server.url, { headers: authorization })
    expect(await response.text()).toMatch(/^\d+ alice$/)
  })

  test('makes htgate exit with its status', async () => {
    const server = await guard(SERVER, options)
    await fetch(`${server.url}/exit`, { headers: authorization }).catch(() => {})
    expect(await exitOf(server)).toEqual([7, null])
    expect(server.output()).toContain('node exited with status 7')
  })

  test('is stopped once the requests in progress have ended', async () => {
    const server = await guard(`${SERVER}; process.on('SIGTERM', () => process.exit(5))`, options)
    const slow = fetch(`${server.url}/slow`, { headers: authorization })
    await expect.poll(() => fetch(server.url, { headers: authorization }).then(({ ok }) => ok)).toBe(true)
    server.process.kill('SIGTERM')
    expect(await (await slow).text()).toBe('done')
    expect(await exitOf(server)).toEqual([5, null])
  })
})

describe('a misbehaving command', () => {
  test('that ignores SIGTERM is killed after the drain timeout', async () => {
    const source = `process.on('SIGTERM', () => {}); ${SERVER}`
    const server = await guard(source, ['--drain-timeout', '0.2'])
    server.process.kill('SIGTERM')
    expect(await exitOf(server)).toEqual([137, null])
  })

  test('that ignores SIGTERM is killed by a second signal', async () => {
    const source = `process.on('SIGTERM', () => {}); ${SERVER}`
    const server = await guard(source, ['--drain-timeout', '3600'])
    const pid = Number((await (await fetch(server.url, { headers: authorization })).text()).split(' ')[0])
    server.process.kill('SIGTERM')
    await expect.poll(() => server.output()).toContain('SIGTERM: no longer accepting connections')
    server.process.kill('SIGTERM')
    await exitOf(server)
    await expect
      .poll(async () => (await run('ps', ['-o', 'stat=', '-p', String(pid)])).stdout.toString())
      .toMatch(/^$|^Z/)
  })

  test.each([
    [
      'exits at startup',
      [process.execPath, '-e', 'process.exit(3)', '{port}'],
      3,
      /^htgate: \S+ exited with status 3 before it responded on 127\.0\.0\.1:\d+$/m,
    ],
    [
      'is not installed',
      ['no-such-program-here', '{port}'],
      127,
      /^htgate: no-such-program-here: command not found$/m,
    ],
    [
      'never listens',
      [process.execPath, '-e', 'setInterval(() => {}, 1000)', '{port}'],
      1,
      /^htgate: \S+ did not respond on 127\.0\.0\.1:\d+ within 1 s$/m,
    ],
  ] as const)('that %s makes htgate report it and exit', async (_, command, status, message) => {
    const args = [
      '--file',
      await passwordFile(),
      '--listen',
      '127.0.0.1:0',
      '--start-timeout',
      '1',
      '--',
      ...command,
    ]
    const result = await run(process.execPath, [OUR_HTGATE, ...args])
    expect(result.stderr.toString()).toMatch(message)
    expect(result.status).toBe(status)
  })

  test.each([
    ['the password file does not exist', (_: number) => ['--file', '/no/such/file']],
    ['the address is in use', (port: number) => ['--listen', `127.0.0.1:${port}`]],
  ])('is not started if %s', async (_, options) => {
    const taken = createServer()
    await once(taken.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void taken.close())
    const started = join(temporaryFolder(), 'started')
    const touch = ['/bin/sh', '-c', `touch ${started}`, '{port}']
    const { port } = taken.address() as AddressInfo
    const args = ['--file', await passwordFile(), ...options(port), '--', ...touch]
    expect((await run(process.execPath, [OUR_HTGATE, ...args])).status).toBe(1)
    expect(existsSync(started)).toBe(false)
  })

  test('is stopped if htgate itself cannot start', async () => {
    const pidFile = join(temporaryFolder(), 'pid')
    const source = `require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); ${SERVER}`
    const foreign = ['--listen', '192.0.2.1:8080'] // An address that no machine has (RFC 5737).
    const args = ['--file', await passwordFile(), ...foreign, '--', process.execPath, '-e', source]
    const result = await run(process.execPath, [OUR_HTGATE, ...args])
    expect(result.status).toBe(1)
    expect(result.stderr.toString()).toContain('cannot listen on 192.0.2.1:8080')
    const pid = (await run('cat', [pidFile])).stdout.toString()
    expect((await run('ps', ['-o', 'stat=', '-p', pid])).stdout.toString()).toMatch(/^$|^Z/)
  })
})

test.each([
  [['--'], 'a command after -- is required'],
  [['--', '', '{port}'], 'a command after -- is required'],
  [['--', '{port}'], 'no {port} among the arguments of {port}'],
  [['--', 'mlflow', 'server'], 'no {port} among the arguments of mlflow'],
  [
    ['--upstream', 'http://127.0.0.1:5000', '--', 'x', '{port}'],
    '--upstream and a command after -- cannot be used together',
  ],
  [['--forward-auth', '--', 'x', '{port}'], '--forward-auth and a command after -- cannot be used together'],
])('%j is rejected with a reason', async (args, message) => {
  const result = await run(process.execPath, [OUR_HTGATE, '--file', 'htpasswd', ...args])
  expect(result.stderr.toString()).toContain(message)
  expect(result.status).toBe(2)
})

describeWith(['mlflow'], 'MLflow behind htgate, started with one command', () => {
  test('starts, and serves users who log in', async () => {
    const folder = temporaryFolder()
    const store = ['--backend-store-uri', `sqlite:///${folder}/mlflow.db`, '--artifacts-destination', folder]
    const server = await guardCommand(
      [peer('mlflow') as string, 'server', '--port', '{port}', ...store],
      ['--drain-timeout', '5'],
      QUIET,
    )
    const url = `${server.url}/api/2.0/mlflow/experiments/search?max_results=1`
    expect((await fetch(url)).status).toBe(401)
    const response = await fetch(url, { headers: authorization })
    expect(await response.json()).toMatchObject({ experiments: [{ name: 'Default' }] })
    server.process.kill('SIGTERM')
    const [status] = await exitOf(server)
    expect(status).not.toBeNull()
  }, 180_000)
})

describeWith(['expect'], 'at a terminal', () => {
  test('progress is printed in whole lines, which output of the command cannot break up', async () => {
    const source = `
      setInterval(() => console.log('a line of the command'), 50);
      setTimeout(() => { ${SERVER} }, 1500)`
    const script = `
      set timeout 120
      set stty_init "columns 30 rows 24"
      spawn -noecho {${process.execPath}} {${OUR_HTGATE}} --file {${await passwordFile()}} --listen 127.0.0.1:0 -- {${process.execPath}} -e {${source}}
      expect -ex "listening on" {} timeout { exit 101 } eof { exit 102 }
      send "\\003"
      expect eof {} timeout { exit 103 }`
    const { status, stdout } = await run(peer('expect') as string, ['-c', script])
    expect(status, stdout.toString()).toBe(0)
    expect(stdout.toString()).toMatch(/^htgate: waiting for node to respond \(\d+ s\)\r?$/m)
    const torn = stdout
      .toString()
      .split(/\r?\n/)
      .filter((line) => line.includes('a line of the command') && line !== 'a line of the command')
    expect(torn.filter((line) => !line.startsWith('^C'))).toEqual([])
  }, 180_000)
})

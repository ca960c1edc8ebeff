import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { type CommandError, GuardedCommand, hintOn } from '../../src/processes/guarded-command.js'
import { temporaryFolder } from '../support/folder.js'

const running: GuardedCommand[] = []
afterEach(() => {
  for (const command of running.splice(0)) command.kill()
})

/** Starts a Node program; `{port}` in it is replaced by the port. */
function start(source: string, startTimeout = 30_000, onWaiting?: (ms: number) => void) {
  const command = [process.execPath, '-e', source]
  return GuardedCommand.start({ command, startTimeout, ...(onWaiting ? { onWaiting } : {}) }, (each) =>
    running.push(each),
  )
}

const failureOf = (attempt: Promise<unknown>): Promise<CommandError> =>
  attempt.then(
    () => expect.fail('the command responded'),
    (error) => error as CommandError,
  )

/** The body of the command's response. */
const bodyOf = ({ port }: GuardedCommand): Promise<string> =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false }, (response) => {
      response.setEncoding('utf8').once('data', resolve)
    }).once('error', reject)
  })

const SERVER = `require('node:http').createServer((_, response) => response.end('here')).listen({port}, '127.0.0.1')`

test.each([
  ['nothing listens', undefined, undefined, /listen on 127\.0\.0\.1 and the port that replaces \{port\}/],
  ['a server listens on ::1 only', '::1', undefined, /listens on \[::1\]:\d+; make it listen on 127/],
  [
    'a server does not speak HTTP',
    '127.0.0.1',
    'SSH-2.0',
    /accepts connections .* does not respond to GET \//,
  ],
])('the hint if %s', async (_, host, greeting, hint) => {
  const server = createServer((socket) => void socket.on('error', () => {}).end(greeting ?? ''))
  await once(server.listen(0, host ?? '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  if (host === undefined) await once(server.close(), 'close')
  else onTestFinished(() => void server.close())
  expect(await hintOn(port)).toMatch(hint)
})

describe('a guarded command', () => {
  test('gets a free loopback port and counts as started once it responds', async () => {
    const waits: number[] = []
    const command = await start(`setTimeout(() => { ${SERVER} }, 300)`, 30_000, (ms) => waits.push(ms))
    expect(await bodyOf(command)).toBe('here')
    expect(waits.length).toBeGreaterThan(0)
  })

  test('counts as started after any response, even an error', async () => {
    const source = `require('node:http').createServer((_, response) => response.writeHead(500).end()).listen({port}, '127.0.0.1')`
    expect((await start(source)).port).toBeGreaterThan(0)
  })

  test('ends with its exit status', async () => {
    const command = await start(`${SERVER}; process.on('SIGUSR2', () => process.exit(7))`)
    command.signal('SIGUSR2')
    expect(await command.exited).toBe(7)
  })

  test('ends with 128 and the number of the signal that killed it, as in a shell', async () => {
    const command = await start(SERVER)
    expect(await command.stop('SIGTERM', 30_000)).toBe(143)
  })

  test('that exits before it responds fails with its status', async () => {
    const error = await failureOf(start('process.exit(3)'))
    expect(error).toMatchObject({ reason: 'exited', status: 3 })
    expect(error.message).toContain('exited with status 3 before it responded on 127.0.0.1:')
  })

  test('that is not installed fails with 127', async () => {
    const command = ['no-such-program-here', '{port}']
    const error = await failureOf(GuardedCommand.start({ command, startTimeout: 30_000 }))
    expect(error).toMatchObject({ reason: 'not-started', status: 127 })
    expect(error.message).toBe('no-such-program-here: command not found')
  })

  test('that cannot be executed fails with 126', async () => {
    const command = ['/etc', '{port}']
    const error = await failureOf(GuardedCommand.start({ command, startTimeout: 30_000 }))
    expect(error).toMatchObject({ reason: 'not-started', status: 126 })
  })

  test('that is a script without its interpreter fails with 127, and the error says which is missing', async () => {
    const script = join(temporaryFolder(), 'serve')
    writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 })
    const error = await failureOf(GuardedCommand.start({ command: [script, '{port}'], startTimeout: 30_000 }))
    expect(error).toMatchObject({ reason: 'not-started', status: 127 })
    expect(error.message).toBe(`${script}: the interpreter in its first line does not exist`)
  })

  test.each([
    ['exits', 'process.exit(3)', 'exited with status 3', undefined],
    ['becomes a daemon', 'process.exit(0)', 'exited with status 0', /foreground/],
    ['is killed', "process.kill(process.pid, 'SIGKILL')", 'was killed by SIGKILL', undefined],
  ])('that %s at the start: the error says how', async (_, source, how, hint) => {
    const error = await failureOf(start(source))
    expect(error.message).toContain(`${process.execPath} ${how} before it responded`)
    if (hint === undefined) expect(error.hint).toBeUndefined()
    else expect(error.hint).toMatch(hint)
  })

  test('that never listens is stopped after the start timeout', async () => {
    const error = await failureOf(start('setInterval(() => {}, 1000)', 200))
    expect(error.reason).toBe('silent')
    expect(await running[0]?.exited).toBe(137)
  })

  test('that accepts connections but never responds is stopped after the start timeout', async () => {
    const source = `require('node:net').createServer(() => {}).listen({port}, '127.0.0.1')`
    const error = await failureOf(start(source, 200))
    expect(error.reason).toBe('silent')
    expect(error.message).toMatch(/did not respond on 127\.0\.0\.1:\d+ within 0\.2 s$/)
  })

  test('that ignores SIGTERM is killed after the timeout', async () => {
    const command = await start(`process.on('SIGTERM', () => {}); ${SERVER}`)
    expect(await command.stop('SIGTERM', 200)).toBe(137)
  })

  test('that is stopped during startup reports that', async () => {
    const attempt = failureOf(
      start('setInterval(() => {}, 1000)', 30_000, () => running[0]?.signal('SIGTERM')),
    )
    expect((await attempt).reason).toBe('stopped')
  })

  test('that finishes its work on SIGINT gets SIGTERM soon after', async () => {
    const command = await start(`process.on('SIGINT', () => {}); ${SERVER}`)
    expect(await command.stop('SIGINT', 3_600_000)).toBe(143)
  })

  test('reports that it is killed', async () => {
    const command = await start(`process.on('SIGTERM', () => {}); ${SERVER}`)
    let kills = 0
    await command.stop('SIGTERM', 200, () => kills++)
    expect({ kills, how: command.how }).toEqual({ kills: 1, how: 'was killed by SIGKILL' })
  })

  test('is stopped with a child process that ignores SIGTERM', async () => {
    const helperSource = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('ready')`
    const source = `
      const { spawn } = require('node:child_process')
      const helper = spawn(process.execPath, ['-e', ${JSON.stringify(helperSource)}], { stdio: ['ignore', 'pipe', 'ignore'] })
      helper.stdout.once('data', () =>
        require('node:http').createServer((_, response) => response.end(String(helper.pid))).listen({port}, '127.0.0.1'))`
    const command = await start(source)
    const helper = await bodyOf(command).then(Number)
    await command.stop('SIGTERM', 30_000)
    await expect.poll(() => isAlive(helper)).toBe(false)
  })

  test('is stopped with its child processes', async () => {
    const source = `
      const { spawn } = require('node:child_process')
      const helper = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
      require('node:http').createServer((_, response) => response.end(String(helper.pid))).listen({port}, '127.0.0.1')`
    const command = await start(source)
    const helper = await bodyOf(command).then(Number)
    await command.stop('SIGTERM', 30_000)
    await expect.poll(() => isAlive(helper)).toBe(false)
  })
})

/** A process that has ended but has not been reaped counts as ended. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

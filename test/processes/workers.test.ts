import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  ALICE,
  asAlice,
  type GateProcess,
  passwordFile,
  record,
  request,
  runGate,
  startGateProcess,
  startUpstream,
  until,
} from '../support/gate.js'
import { basic } from '../support/requests.js'
import { freePort } from '../support/servers.js'
import { openWebSocket, startWebSocketServer } from '../support/websocket.js'

/** Starts a gate with several processes and an admin endpoint. */
async function startWorkers(upstream: string, args: string[] = [], file = passwordFile()) {
  const admin = await freePort()
  const gate = await startGateProcess({
    upstream,
    file,
    args: ['--workers', '3', '--admin', `127.0.0.1:${admin}`, ...args],
  })
  await until(() => gate.said().includes('/metrics on'), gate.said)
  const ask = (path: string) => request(`http://127.0.0.1:${admin}${path}`)
  await untilReady(ask)
  return { gate, ask, file }
}

const untilReady = (ask: (path: string) => Promise<{ status: number }>): Promise<void> =>
  until(async () => (await ask('/readyz')).status === 200)

/** The process IDs of the workers. */
const workersOf = (gate: GateProcess): number[] => {
  const { pid } = gate.process
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').map(Number)
}

test('several processes serve, with combined metrics', async () => {
  const upstream = await startUpstream()
  const { gate, ask } = await startWorkers(upstream.url)
  expect(workersOf(gate)).toHaveLength(3)
  for (let i = 0; i < 9; i++) expect((await asAlice(gate.url)).status).toBe(200)
  const { body } = await ask('/metrics')
  expect(body).toContain('htgate_requests_total{status="200"} 9\n')
  expect(body).toContain('htgate_users{provider="file"} 1\n')
  expect(body.match(/^# TYPE htgate_users gauge$/gm)).toHaveLength(1)
  gate.process.kill('SIGTERM')
  expect(await gate.ended).toBe(0)
  expect(
    gate.log().some(({ message }) => /^SIGTERM: no longer accepting connections/.test(String(message))),
  ).toBe(true)
})

test('concurrent requests for metrics all get the totals', async () => {
  const upstream = await startUpstream()
  const { ask } = await startWorkers(upstream.url)
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask('/metrics')))
  for (const { body } of answers) expect(body).toContain('htgate_reloads_total{provider="file"} 3\n')
})

test('messages of every worker are logged', async () => {
  const upstream = await startUpstream()
  const names = ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay']
  const file = passwordFile(names.map((name) => record(name, 'secret')).join(''))
  const { gate } = await startWorkers(upstream.url, ['--rehash', 'bcrypt:5'], file)
  for (const name of names) {
    await request(gate.url, { headers: { authorization: basic(name, 'secret') } })
    await until(() => gate.output().includes(`${name}\\" with bcrypt`), gate.output)
  }
})

test('failed logins count in all processes', async () => {
  const upstream = await startUpstream()
  const { gate } = await startWorkers(upstream.url, ['--login-failures', '4'])
  let [refused, limited] = [0, 0]
  while (limited < 3) {
    const headers = { authorization: basic('alice', `guess ${refused + limited}`) }
    const { status } = await request(gate.url, { headers })
    expect([401, 429]).toContain(status)
    if (status === 401) refused++
    limited = status === 429 ? limited + 1 : 0
  }
  // Separately, they would allow 12. The last failures may still be in transit when the next guess arrives.
  expect(refused).toBeLessThan(10)
})

test('a user who logged in at one worker is not limited by any, despite others’ guesses', async () => {
  const upstream = await startUpstream()
  const { gate } = await startWorkers(upstream.url, ['--login-failures', '3'])
  expect((await asAlice(gate.url)).status).toBe(200)
  const guess = (i: number) => request(gate.url, { headers: { authorization: basic('alice', `guess ${i}`) } })
  let limited = 0
  let guesses = 0
  await until(async () => {
    limited = (await guess(guesses++)).status === 429 ? limited + 1 : 0
    return limited === 3
  })
  for (let i = 0; i < 6; i++) expect((await asAlice(gate.url)).status).toBe(200)
})

test('a changed file takes effect in all of them', async () => {
  const upstream = await startUpstream()
  const { gate, file } = await startWorkers(upstream.url)
  for (let i = 0; i < 6; i++) expect((await asAlice(gate.url)).status).toBe(200)
  writeFileSync(file, record('bob', 'secret'))
  // Connections go to the workers in turn.
  let refused = 0
  await until(async () => {
    refused = (await asAlice(gate.url)).status === 401 ? refused + 1 : 0
    return refused === 6
  })
})

test('a worker that dies is replaced, and its counts are kept', async () => {
  const upstream = await startUpstream()
  const { gate, ask } = await startWorkers(upstream.url)
  const total = async () => {
    const { body } = await ask('/metrics')
    return Number(/^htgate_requests_total\{status="200"\} (\d+)$/m.exec(body)?.[1])
  }
  for (let i = 0; i < 9; i++) expect((await asAlice(gate.url)).status).toBe(200)
  await until(async () => (await total()) === 9)
  const [victim] = workersOf(gate)
  process.kill(victim as number, 'SIGKILL')
  await until(() => gate.said().includes('starting another'), gate.said)
  expect(await total()).toBe(9)
  expect((await ask('/metrics')).body).toContain('htgate_requests_in_progress 0\n')
  await until(() => workersOf(gate).length === 3)
  await untilReady(ask)
  for (let i = 0; i < 6; i++) expect((await asAlice(gate.url)).status).toBe(200)
  await until(async () => (await total()) === 15)
})

test('a deleted user’s open connections are closed in all workers', async () => {
  const upstream = await startWebSocketServer()
  const { gate, file } = await startWorkers(upstream.url)
  const sockets = await Promise.all(Array.from({ length: 6 }, () => openWebSocket(gate.port, ALICE)))
  writeFileSync(file, record('bob', 'secret'))
  await Promise.all(sockets.map(({ closed }) => closed))
  for (const { frames } of sockets) expect([...frames().subarray(0, 4)]).toEqual([0x88, 15, 0x03, 0xf0])
})

test('an error at the start is reported once, with the same exit status', async () => {
  const gate = runGate(['--file', '/nowhere/x', '--upstream', 'http://127.0.0.1:9', '--workers', '3'])
  expect(await gate.ended).toBe(1)
  expect(gate.said().match(/cannot read/g)).toHaveLength(1)
})

test('an --admin address in use: exit 1, with no other message', async () => {
  const upstream = await startUpstream()
  const args = ['--workers', '2', '--admin', `127.0.0.1:${upstream.port}`]
  const gate = runGate([
    '--file',
    passwordFile(),
    '--upstream',
    upstream.url,
    '--listen',
    '127.0.0.1:0',
    ...args,
  ])
  expect(await gate.ended).toBe(1)
  expect(gate.said()).toBe(
    `htgate: cannot listen on 127.0.0.1:${upstream.port}: the address is in use\nhtgate: hint: find the program that uses it with ss -ltnp\n`,
  )
})

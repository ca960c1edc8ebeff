// 64 connections send wrong passwords, verified with bcrypt at cost 12, for one user and for unknown users: the effect on cached
// and on new users. wrk runs as a separate process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { hash } from '../../dist/index.js'
import { startDemoUpstream } from '../../scripts/demo-upstream.js'
import { inTemporaryFolder, printTable, requirePrograms } from '../support/measure.js'

const SECONDS = 12
const HTGATE = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))

requirePrograms('wrk')

const FLOODS = {
  'one user': '"bob"',
  'unknown users': '"user" .. math.random(1e9)',
}

await inTemporaryFolder(async () => {
  const encoded = await hash('secret', { cost: 12 })
  writeFileSync('users', ['ann', 'bob', 'new'].map((user) => `${user}:${encoded}\n`).join(''))
  const upstream = await startDemoUpstream()
  const rows = [['flood', 'remembered user: p50', 'p99', 'longest', 'errors', 'new user', 'memory']]
  for (const [name, user] of Object.entries(FLOODS))
    rows.push([name, ...(await measure(user, upstream.address().port))])
  printTable(rows)
  console.log('goals: p99 under 50 ms, no errors, the new user let in within 5 s')
  upstream.close()
  upstream.closeAllConnections()
})

async function measure(user, upstreamPort) {
  const args = [
    '--file',
    'users',
    '--upstream',
    `http://127.0.0.1:${upstreamPort}`,
    '--listen',
    '127.0.0.1:0',
  ]
  const gate = spawn(process.execPath, [HTGATE, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  gate.stderr.on('data', (part) => {
    said += part
  })
  const exited = once(gate, 'exit')
  while (!said.includes('listening on') && gate.exitCode === null) await sleep(20)
  const port = Number(/listening on \S+:(\d+)/.exec(said)?.[1])
  await ask(port, 'ann')
  writeFileSync('flood.lua', lua(user))
  const flood = spawn('wrk', ['-t1', '-c64', `-d${SECONDS}s`, '-s', 'flood.lua', `http://127.0.0.1:${port}/`])
  await sleep(1000)

  const started = performance.now()
  let newcomer = 0
  const login = ask(port, 'new').then((status) => {
    newcomer = status === 200 ? performance.now() - started : Number.NaN
  })
  const times = []
  let errors = 0
  const agent = new Agent({ keepAlive: true })
  while (performance.now() - started < (SECONDS - 2) * 1000) {
    const before = performance.now()
    if ((await ask(port, 'ann', agent)) !== 200) errors++
    times.push(performance.now() - before)
    await sleep(5)
  }
  await login
  if (gate.exitCode !== null || gate.signalCode !== null) throw new Error(said)
  const memory = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${gate.pid}/status`, 'latin1'))[1])
  await once(flood, 'exit')
  gate.kill('SIGKILL')
  await exited
  times.sort((a, b) => a - b)
  const at = (share) => `${times[Math.floor((times.length - 1) * share)].toFixed(1)} ms`
  return [
    at(0.5),
    at(0.99),
    at(1),
    errors,
    `${(newcomer / 1000).toFixed(2)} s`,
    `${Math.round(memory / 1024)} MiB`,
  ]
}

/** The status of the response to a request of `user`. */
function ask(port, user, agent) {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent, auth: `${user}:secret` }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    }).on('error', reject)
  })
}

function lua(user) {
  return `
local alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
local function base64(text)
  local bits = text:gsub('.', function(c)
    local byte, bits = c:byte(), ''
    for i = 7, 0, -1 do bits = bits .. math.floor(byte / 2 ^ i) % 2 end
    return bits
  end)
  local out = (bits .. '0000'):gsub('%d%d%d?%d?%d?%d?', function(six)
    if #six < 6 then return '' end
    local value = tonumber(six, 2) + 1
    return alphabet:sub(value, value)
  end)
  return out .. ({ '', '==', '=' })[#text % 3 + 1]
end
request = function()
  local credentials = ${user} .. ':guess' .. math.random(1e9)
  return wrk.format('GET', '/', { ['Authorization'] = 'Basic ' .. base64(credentials) })
end
`
}

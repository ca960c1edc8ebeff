// Tries the installed package as users would, with the Node that runs this file. test-package.sh runs it in the folder where
// the package is installed.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(import.meta.url)
const { version } = require('htgate/package.json')
const folder = mkdtempSync('try-')
const file = join(folder, '.htpasswd')
const password = 'pässwö'

/** Runs one of the package's commands to its end. */
function run(name, ...args) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [`node_modules/htgate/bin/${name}.js`, ...args],
    { encoding: 'utf8' },
  )
  return { status, stdout, stderr }
}

function tryHtpasswd() {
  assert.equal(run('htpasswd', '--version').stdout, `htpasswd (htgate) ${version}\n`)
  for (const flag of ['-m', '-B', '-s', '-2', '-5', '-d']) {
    const user = `user${flag}`
    assert.deepEqual(run('htpasswd', flag === '-m' ? '-cb' : '-b', flag, file, user, password), {
      status: 0,
      stdout: '',
      stderr: `Adding password for user ${user}\n`,
    })
    assert.equal(run('htpasswd', '-vb', file, user, password).status, 0, `${flag}, right password`)
    assert.equal(run('htpasswd', '-vb', file, user, 'wrong').status, 3, `${flag}, wrong password`)
  }
  assert.equal(run('htpasswd', '-D', file, 'user-d').status, 0)
  assert.doesNotMatch(readFileSync(file, 'utf8'), /^user-d:/m)
}

async function tryLibrary() {
  const library = await import('htgate')
  const encoded = await library.hash(password, { scheme: 'bcrypt', cost: 4 })
  assert.equal(await library.verify(password, encoded), true)
  assert.equal(await library.verify('wrong', encoded), false)
  const authenticator = await library.createAuthenticator({ file })
  assert.deepEqual(await authenticator.authenticate(basic('user-B', password)), {
    ok: true,
    user: 'user-B',
    principal: { name: 'user-B', provider: 'file', groups: [] },
  })
  assert.equal((await authenticator.authenticate(basic('user-B', 'wrong'))).ok, false)
  await authenticator.close()
  // Node 20.19 and 22.12 introduced `require` of ES modules.
  if (process.features.require_module) assert.equal(require('htgate').verify, library.verify)
}

const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** Starts the gate in front of a server that responds with the user's name. */
async function tryHtgate() {
  assert.equal(run('htgate', '--version').stdout, `htgate ${version}\n`)
  const upstream = createServer(({ headers }, response) => response.end(headers['x-forwarded-user']))
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
  const args = ['--file', file, '--upstream', `http://127.0.0.1:${upstream.address().port}`]
  const gate = spawn(process.execPath, [
    'node_modules/htgate/bin/htgate.js',
    ...args,
    '--listen',
    '127.0.0.1:0',
  ])
  try {
    const url = await announcedBy(gate)
    assert.equal((await fetch(url)).status, 401)
    assert.equal((await fetch(url, { headers: { authorization: basic('user-5', 'wrong') } })).status, 401)
    const response = await fetch(url, { headers: { authorization: basic('user-5', password) } })
    assert.equal(await response.text(), 'user-5')
    gate.kill('SIGTERM')
    assert.deepEqual(await once(gate, 'exit'), [0, null])
  } finally {
    gate.kill('SIGKILL')
    upstream.closeAllConnections()
    upstream.close()
  }
}

/** The address that htgate reports listening on. */
function announcedBy(gate) {
  let output = ''
  return new Promise((resolve, reject) => {
    gate.on('exit', () => reject(new Error(`htgate ended: ${output}`)))
    gate.stderr.on('data', (chunk) => {
      output += chunk
      const [, address] = /listening on (127\.0\.0\.1:\d+)/.exec(output) ?? []
      if (address) resolve(`http://${address}`)
    })
  })
}

try {
  tryHtpasswd()
  await tryLibrary()
  await tryHtgate()
  console.log(`Node ${process.versions.node}: ok`)
} catch (error) {
  console.error(`Node ${process.versions.node}: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}

// Tries the installed package as its users would, on the Node that runs this file. Run by test-package.sh, in the
// folder that the package is installed in.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
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
  assert.ok(library.schemes.length > 0)
  // Node 20.19 and 22.12 brought `require` of ES modules.
  if (process.features.require_module) assert.equal(require('htgate').schemes, library.schemes)
}

try {
  tryHtpasswd()
  await tryLibrary()
  console.log(`Node ${process.versions.node}: ok`)
} catch (error) {
  console.error(`Node ${process.versions.node}: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}

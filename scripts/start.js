// npm start: demonstrates the two commands. Each command line is shown as typed, with its output and exit status.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'
import { guardDemoUpstream } from './demo-upstream.js'
import { wrapCommand, wrapComment } from './wrap.js'

const htpasswd = join(dirname(dirname(fileURLToPath(import.meta.url))), 'bin/htpasswd.js')
const folder = mkdtempSync(join(tmpdir(), 'htgate-'))
const columns = process.stdout.columns ?? 80
const color = process.stdout.isTTY && !process.env.NO_COLOR
const bold = (text) => (color ? styleText('bold', text) : text)
const dim = (text) => (color ? styleText('dim', text) : text)

try {
  say('Create a password file that other users cannot read, with one user, hashed with bcrypt.')
  process.umask(0o077)
  console.log(bold('$ umask 077'))
  run('-cbB -C 10 .htpasswd alice correct-horse')
  say('Add a second user, hashed with SHA-512. A password on standard input does not show up in ps(1).')
  run('-i5 .htpasswd bob', 'battery-staple\n')
  show('.htpasswd')
  say('Verify a right password and a wrong one. Scripts test the exit status.')
  run('-vb .htpasswd alice correct-horse')
  run('-vb .htpasswd alice wrong-horse')
  say('Delete a user.')
  run('-D .htpasswd bob')
  show('.htpasswd')
  say('Guard a server without a login with this file.')
  await guardDemoUpstream(join(folder, '.htpasswd'), 'alice:correct-horse', columns)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function say(text) {
  console.log(`\n${dim(wrapComment(text, columns))}`)
}

function run(line, input) {
  const typed = `$ ${input === undefined ? '' : `echo ${input.trim()} | `}htpasswd ${line}`
  console.log(bold(wrapCommand(typed, columns)))
  const { status, stdout, stderr } = spawnSync(process.execPath, [htpasswd, ...line.split(' ')], {
    cwd: folder,
    input,
    encoding: 'utf8',
  })
  process.stdout.write(stdout + stderr)
  console.log(dim(`exit status ${status}`))
}

function show(file) {
  console.log(bold(`$ cat ${file}`))
  process.stdout.write(readFileSync(join(folder, file), 'utf8'))
}

// npm start: the main job on real input. Each command is shown as one would type it, with what it says and its status.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'
import { guardDemoUpstream } from './demo-upstream.js'

const htpasswd = join(dirname(dirname(fileURLToPath(import.meta.url))), 'bin/htpasswd.js')
const folder = mkdtempSync(join(tmpdir(), 'htgate-'))
const colour = process.stdout.isTTY && !process.env.NO_COLOR
const bold = (text) => (colour ? styleText('bold', text) : text)
const dim = (text) => (colour ? styleText('dim', text) : text)

try {
  say('A password file with one user, by bcrypt; -c makes the file anew.')
  run('-cbB -C 10 .htpasswd alice correct-horse')
  say('A second one, by SHA-512. The password may come from standard input: nobody sees it in `ps`.')
  run('-i5 .htpasswd bob', 'battery-staple\n')
  show('.htpasswd')
  say('A right password, and a wrong one: scripts look at the exit status.')
  run('-vb .htpasswd alice correct-horse')
  run('-vb .htpasswd alice wrong-horse')
  say('A user who leaves.')
  run('-D .htpasswd bob')
  show('.htpasswd')
  say('And the file at work: htgate asks for these passwords in front of a server that knows none.')
  await guardDemoUpstream(join(folder, '.htpasswd'), 'alice:correct-horse')
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function say(text) {
  console.log(`\n${dim(`# ${text}`)}`)
}

function run(line, input) {
  console.log(bold(`$ ${input === undefined ? '' : `echo ${input.trim()} | `}htpasswd ${line}`))
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

import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { OUR_HTGATE } from '../support/htgate.js'
import { QUIET } from '../support/mlflow.js'
import { describeWith, peer } from '../support/peers.js'
import { basic } from '../support/requests.js'
import { OUR_HTPASSWD, run } from '../support/run.js'
import { freePort, type Server, startServer } from '../support/servers.js'

// The README's first minute, word for word, with an empty home folder, except that the commands come from this checkout
// instead of npm (scripts/test-package.sh installs the package), and the address is a free loopback port.

const [, section = ''] = /^## A guarded MLflow.*?\n(.*?)^## /ms.exec(readFileSync('README.md', 'utf8')) ?? []
const [server = [], client = []] = [...section.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) =>
  block.trimEnd().split('\n'),
)
const [install, create = '', guard = ''] = server

const PASSWORD = 'correct horse'

/** A fresh machine: a home folder with nothing in it but the package's commands. */
function freshHome(...folders: string[]): { home: string; env: Record<string, string> } {
  const home = temporaryFolder()
  const bin = join(home, 'bin')
  mkdirSync(bin)
  symlinkSync(OUR_HTGATE, join(bin, 'htgate'))
  symlinkSync(OUR_HTPASSWD, join(bin, 'htpasswd'))
  symlinkSync(process.execPath, join(bin, 'node'))
  const path = [bin, ...folders, '/usr/local/bin', '/usr/bin', '/bin'].join(':')
  return { home, env: { HOME: home, PATH: path, TMPDIR: home, ...QUIET } }
}

/** An expect script that runs a line at a terminal and answers its two prompts for a password. */
const terminal = (line: string) => `
  set timeout 60
  log_user 0
  spawn -noecho sh -c {${line}}
  foreach prompt {"New password: " "Re-type new password: "} {
    expect -ex $prompt {} timeout { exit 101 } eof { exit 102 }
    send -- "${PASSWORD}\r"
  }
  expect eof {} timeout { exit 103 }
  exit [lindex [wait] 3]`

/** Runs the README's lines up to a server that answers. */
async function firstMinute(home: string, env: Record<string, string>): Promise<Server> {
  const created = await run(peer('expect') as string, ['-c', terminal(create)], {
    cwd: home,
    env,
  })
  expect(created.status, `${created.stdout}${created.stderr}`).toBe(0)
  const port = await freePort()
  const line = guard.replace('--listen :8080', `--listen 127.0.0.1:${port}`)
  expect(line).not.toBe(guard)
  const started = await startServer('/bin/sh', ['-c', `exec ${line}`], {
    port,
    cwd: home,
    env,
    patience: 170_000,
  })
  onTestFinished(started.stop)
  return started
}

test('the quick start is three commands, and the client’s four', () => {
  expect(server).toHaveLength(3)
  expect(install).toBe('npm install --global htgate')
  expect(client).toHaveLength(4)
})

describeWith(['expect'], 'the README’s first minute, with a stand-in for MLflow', () => {
  test('makes a file that passes the audit, and requires a login', { timeout: 240_000 }, async () => {
    const { home, env } = freshHome()
    const mlflow = join(home, 'bin', 'mlflow')
    writeFileSync(
      mlflow,
      `#!${process.execPath}\nif (process.argv[2] !== 'server' || process.argv[3] !== '--port') process.exit(64)\n` +
        `require('node:http').createServer(({ headers }, response) => response.end(headers['x-forwarded-user']))` +
        `.listen(Number(process.argv[4]), '127.0.0.1')\n`,
    )
    chmodSync(mlflow, 0o755)
    const { url, output } = await firstMinute(home, env)
    expect((await fetch(url)).status).toBe(401)
    const response = await fetch(url, { headers: { authorization: basic('alice', PASSWORD) } })
    expect(await response.text()).toBe('alice')
    expect(output()).not.toMatch(/weak|writable|readable|hint/)

    const audit = await run(process.execPath, [OUR_HTPASSWD, '--audit', '.htpasswd'], { cwd: home, env })
    expect(audit.status, audit.stdout.toString()).toBe(0)
  })
})

describeWith(['expect', 'mlflow'], 'the README’s first minute, with MLflow', () => {
  test('lets its client log a run', { timeout: 300_000 }, async () => {
    const { home, env } = freshHome(dirname(peer('mlflow') as string))
    const { url } = await firstMinute(home, env)
    expect((await fetch(`${url}/api/2.0/mlflow/experiments/search?max_results=1`)).status).toBe(401)
    writeFileSync(join(home, 'train.py'), 'import mlflow\nmlflow.log_metric("loss", 0.5)\nprint("logged")\n')
    const lines = client.map((line) => line.replace('http://HOST:8080', url).replace('=…', `='${PASSWORD}'`))
    const { status, stdout, stderr } = await run('sh', ['-ec', lines.join('\n')], { cwd: home, env })
    expect(status, stderr.toString()).toBe(0)
    expect(stdout.toString()).toContain('logged')
  })
})

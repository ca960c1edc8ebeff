// A stand-in for MLflow, which responds with the request it received, and htgate in front of it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { wrapCommand, wrapMessage } from './wrap.js'

const htgate = join(dirname(dirname(fileURLToPath(import.meta.url))), 'bin/htgate.js')

/** Starts the server on a free loopback port. */
export async function startDemoUpstream() {
  const server = createServer((request, response) => {
    const lines = [`${request.method} ${request.url}`]
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
    }
    request.resume().on('end', () => {
      response.setHeader('Content-Type', 'text/plain')
      response.end(`This is what MLflow would see:\n\n${lines.join('\n')}\n`)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

/**
 * Puts htgate with the password file `file` in front of it, suggests commands to try, and waits for Ctrl-C.
 * @param credentials `user:password` of a user in the file
 * @param columns of the terminal
 */
export async function guardDemoUpstream(file, credentials, columns = 80) {
  const server = await startDemoUpstream()
  const upstream = `http://127.0.0.1:${server.address().port}`
  const typed = `$ htgate --file .htpasswd --upstream ${upstream} --listen 127.0.0.1:0 --log text`
  console.log(`${wrapCommand(typed, columns)}\n`)
  const args = ['--file', file, '--upstream', upstream, '--listen', '127.0.0.1:0', '--log', 'text']
  const gate = spawn(process.execPath, [htgate, ...args], {
    stdio: ['ignore', 'inherit', 'pipe'],
    // In a separate process group, so that Ctrl-C reaches only this process, which forwards it.
    detached: true,
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => gate.kill(signal))
  createInterface({ input: gate.stderr }).on('line', (line) => {
    process.stderr.write(`${wrapMessage(line, columns)}\n`)
    const [, address] = /listening on (\S+)/.exec(line) ?? []
    if (address === undefined) return
    const commands = [`curl http://${address}/`, `curl -u ${credentials} http://${address}/`]
    const indented = commands.map((command) => wrapCommand(`  ${command}`, columns))
    console.log(`
Try it in another terminal or in a browser:
${indented.join('\n')}
Ctrl-C stops it.
`)
  })
  const [status] = await once(gate, 'exit')
  server.close()
  server.closeAllConnections()
  process.exitCode = status ?? 1
}

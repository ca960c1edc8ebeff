// A server without a login, in place of MLflow, that answers with the request it got; and htgate in front of it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const htgate = join(dirname(dirname(fileURLToPath(import.meta.url))), 'bin/htgate.js')

/** Starts the server on a free port of this machine. */
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
 */
export async function guardDemoUpstream(file, credentials) {
  const server = await startDemoUpstream()
  const upstream = `http://127.0.0.1:${server.address().port}`
  console.log(`$ htgate --file .htpasswd --upstream ${upstream} --listen 127.0.0.1:0 --log text\n`)
  const args = ['--file', file, '--upstream', upstream, '--listen', '127.0.0.1:0', '--log', 'text']
  const gate = spawn(process.execPath, [htgate, ...args], {
    stdio: ['ignore', 'inherit', 'pipe'],
    // In a group of its own, so Ctrl-C reaches only this process, which passes it on.
    detached: true,
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => gate.kill(signal))
  gate.stderr.on('data', (chunk) => {
    process.stderr.write(chunk)
    const [, address] = /listening on (\S+)/.exec(String(chunk)) ?? []
    if (address === undefined) return
    console.log(`
Try it in another terminal or in a browser:
  curl http://${address}/
  curl -u ${credentials} http://${address}/
Ctrl-C stops it.
`)
  })
  const [status] = await once(gate, 'exit')
  server.close()
  server.closeAllConnections()
  process.exitCode = status ?? 1
}

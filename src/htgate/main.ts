import type { Server } from 'node:http'
import { createAuthenticator } from '../auth/authenticator.js'
import { printAddress, systemdSockets } from './address.js'
import { Exit, ExitStatus } from './exit-status.js'
import { confirm } from './forward-auth.js'
import { Gate, type Inside } from './gate.js'
import { listen } from './listen.js'
import { Log } from './log.js'
import { errors } from './messages.js'
import { parse, type Settings } from './options.js'
import { forward } from './proxy.js'
import { createGateServer } from './server.js'
import { readCertificate } from './tls.js'
import { openUpstream } from './upstream.js'

/** Carries out a command line; never throws. Resolves when the gate has ended. */
export async function main(args: readonly string[]): Promise<ExitStatus> {
  try {
    const settings = parse(args, process.env)
    if ('text' in settings) process.stdout.write(settings.text)
    else await run(settings)
    return ExitStatus.ok
  } catch (error) {
    const exit = error instanceof Exit ? error : errors.unexpected(error)
    process.stderr.write(exit.message.replace(/^/gm, 'htgate: ').concat('\n'))
    return exit.status
  }
}

async function run(settings: Settings): Promise<void> {
  const log = new Log(settings.log)
  const certificate = () => readCertificate(settings)
  const tls = certificate()
  const authenticator = await createAuthenticator({
    file: settings.file,
    realm: settings.realm,
    onEvent: ({ level, message }) => log.event(level, message),
  })
  const gate = new Gate(authenticator, settings.trust, log, inside(settings, log))
  const servers: Server[] = []
  for (const address of addresses(settings)) {
    const server = createGateServer(gate, tls)
    servers.push(server)
    const actual = await listen(server, address)
    process.stderr.write(`htgate: listening on ${tls ? 'https' : 'http'}://${printAddress(actual)}\n`)
  }
}

function addresses({ listen }: Settings) {
  const all = [...systemdSockets(process.env, process.pid), ...listen]
  return all.length > 0 ? all : [{ host: '127.0.0.1', port: 8080 }]
}

function inside(settings: Settings, log: Log): Inside {
  if (settings.upstream === undefined) return confirm
  const upstream = openUpstream(settings, settings.upstream)
  return (exchange) =>
    forward(exchange, upstream, ({ method }, error) =>
      log.event('error', `upstream: ${error.message}`, { method }),
    )
}

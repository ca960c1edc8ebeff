import cluster from 'node:cluster'
import type { Server } from 'node:net'
import { type AdminSource, createAdminServer } from '../operations/admin.js'
import { type Address, printAddress, systemdSockets } from '../system/address.js'
import { ListenError, listen } from '../system/listen.js'
import { errors, notices, say } from './messages.js'
import type { Settings } from './options/index.js'

/** Where to listen: on the sockets that systemd passes, and the addresses of --listen. */
export function addressesOf({ listen }: Settings): readonly Address[] {
  const passed = systemdSockets(process.env, cluster.isPrimary ? process.pid : process.ppid)
  const addresses = [...passed, ...listen]
  return addresses.length === 0 ? [{ host: '127.0.0.1', port: 8080 }] : addresses
}

/**
 * Starts to listen, and resolves to the actual address, since port 0 means any free port.
 * @throws Exit
 */
export async function listenOn(server: Server, address: Address): Promise<Address> {
  try {
    return await listen(server, address, (error) => say(notices.cannotAccept(error.message)))
  } catch (error) {
    throw error instanceof ListenError ? errors.cannotListen(error) : error
  }
}

/** Serves the admin endpoint if it has an address. Resolves to a function that closes it. */
export async function openAdmin(address: Address | undefined, source: AdminSource): Promise<() => void> {
  if (address === undefined) return () => {}
  const server = createAdminServer(source)
  say(notices.admin(printAddress(await listenOn(server, address))))
  return () => {
    server.close()
    server.closeAllConnections()
  }
}

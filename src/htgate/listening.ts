import type { Server } from 'node:net'
import { type AdminSource, createAdminServer } from '../operations/admin.js'
import { type Address, printAddress } from '../system/address.js'
import { ListenError, listen } from '../system/listen.js'
import { errors, notices, say } from './messages.js'

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

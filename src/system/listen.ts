import { existsSync, lstatSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { dirname } from 'node:path'
import { errors, notices, say } from '../htgate/messages.js'
import { type Address, printAddress } from './address.js'

/**
 * Resolves, once the server listens, to where it does: port 0 means any.
 * @throws Exit
 */
export async function listen(server: Server, address: Address): Promise<Address> {
  if ('path' in address) await removeAbandoned(address.path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(failure(address, error)))
    server.listen({ ...address }, resolve)
  })
  server.removeAllListeners('error').on('error', complainNowAndThen())
  const actual = server.address() as AddressInfo | string | null
  return 'port' in address && typeof actual === 'object' && actual
    ? { ...address, port: actual.port }
    : address
}

/** To accept a connection may fail, for want of open files, say; the next one may do. */
function complainNowAndThen(): (error: Error) => void {
  let last = -Infinity
  return (error) => {
    if (performance.now() - last < 60_000) return
    last = performance.now()
    say(notices.cannotAccept(error.message))
  }
}

/** A unix socket outlives the process that was killed; one that nobody answers on is in the way. */
async function removeAbandoned(path: string): Promise<void> {
  if (!isSocket(path)) return
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => resolve(true))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'))
    socket.on('connect', () => socket.destroy())
  })
  if (!answers) unlinkSync(path)
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket()
  } catch {
    return false
  }
}

const WORDS: Record<string, string> = {
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'no such host name',
}

function failure(address: Address, error: NodeJS.ErrnoException): Error {
  const name = printAddress(address)
  const why = WORDS[error.code ?? ''] ?? error.message
  if ('path' in address) {
    // Node says EACCES where there is no folder, and EADDRINUSE of whatever is there already.
    if (!existsSync(dirname(address.path))) return errors.cannotListen(name, 'no such folder')
    if (error.code !== 'EADDRINUSE') return errors.cannotListen(name, why)
    return isSocket(address.path) ? errors.inUse(name, 'ss -lxp') : errors.inTheWay(name)
  }
  if (error.code === 'EADDRINUSE') return errors.inUse(name, 'ss -ltnp')
  const isLow = error.code === 'EACCES' && 'port' in address && address.port < 1024
  return errors.cannotListen(name, isLow ? `${why}; ports below 1024 need privileges` : why)
}

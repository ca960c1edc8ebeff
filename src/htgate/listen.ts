import { lstatSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { type Address, printAddress } from './address.js'
import { errors, notices, say } from './messages.js'

/**
 * Resolves, once the server listens, to where it does: port 0 means any.
 * @throws Exit
 */
export async function listen(server: Server, address: Address): Promise<Address> {
  if ('path' in address) await removeAbandoned(address.path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const name = printAddress(address)
      reject(error.code === 'EADDRINUSE' ? errors.inUse(name) : errors.cannotListen(name, why(error)))
    })
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
  try {
    if (!lstatSync(path).isSocket()) return
  } catch {
    return
  }
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => resolve(true))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'))
    socket.on('connect', () => socket.destroy())
  })
  if (!answers) unlinkSync(path)
}

const WORDS: Record<string, string> = {
  EACCES: 'permission denied; ports below 1024 need privileges',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'no such host name',
  ENOENT: 'no such folder',
}

const why = (error: NodeJS.ErrnoException): string => WORDS[error.code ?? ''] ?? error.message

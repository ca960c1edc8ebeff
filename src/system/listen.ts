import { existsSync, lstatSync, unlinkSync } from 'node:fs'
import { type AddressInfo, connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import { accepts } from './accepts.js'
import { type Address, printAddress } from './address.js'

/** Why a server cannot listen. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  constructor(
    readonly address: string,
    readonly reason: string,
    /** How to fix it. */
    readonly hint?: string,
  ) {
    super(`cannot listen on ${address}: ${reason}`)
  }
}

/**
 * Starts to listen, and resolves to the actual address, since port 0 means any free port.
 *
 * @param onAcceptError called, at most once a minute, if a connection cannot be accepted, for example because there are too
 *   many open files. The server keeps running.
 * @throws ListenError
 */
export async function listen(
  server: Server,
  address: Address,
  onAcceptError: (error: Error) => void,
): Promise<Address> {
  if ('path' in address) await removeAbandoned(address.path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(address, error)))
    server.listen({ ...address }, resolve)
  })
  server.removeAllListeners('error').on('error', atMostOnceAMinute(onAcceptError))
  const actual = server.address() as AddressInfo | string | null
  return 'port' in address && typeof actual === 'object' && actual
    ? { ...address, port: actual.port }
    : address
}

/** How long to wait for a connection that shows that an address is in use, in milliseconds. */
const SHORTLY = 1_000

/** Whether another process listens there. Only connects: to listen for a moment would look like the start of a server. */
export async function errorIfInUse(address: Address): Promise<ListenError | undefined> {
  if ('fd' in address || ('port' in address && address.port === 0)) return undefined
  const to = 'path' in address ? address : { port: address.port, host: reachable(address.host) }
  if (!(await accepts(to, SHORTLY))) return undefined
  return listenError(address, Object.assign(new Error(IN_USE), { code: 'EADDRINUSE' }))
}

/** An address of this machine at which a server on `host` can be reached. */
const reachable = (host: string | undefined): string =>
  host === undefined || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host

const MINUTE = 60_000

function atMostOnceAMinute(report: (error: Error) => void): (error: Error) => void {
  let last = -Infinity
  return (error) => {
    if (performance.now() - last < MINUTE) return
    last = performance.now()
    report(error)
  }
}

/** Removes a Unix socket left behind by a killed process, which refuses connections. */
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

const REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'no such host',
}

const IN_USE = 'the address is in use'

function listenError(address: Address, error: NodeJS.ErrnoException): ListenError {
  const name = printAddress(address)
  const reason = REASONS[error.code ?? ''] ?? error.message
  if ('path' in address) {
    // Node reports EACCES if the folder does not exist, and EADDRINUSE for any existing file.
    if (!existsSync(dirname(address.path))) return new ListenError(name, 'no such folder')
    if (error.code !== 'EADDRINUSE') return new ListenError(name, reason)
    return isSocket(address.path)
      ? new ListenError(name, IN_USE, 'find the program that uses it with ss -lxp')
      : new ListenError(name, 'the file there is not a socket', 'remove it, or choose another path')
  }
  if (error.code === 'EADDRINUSE')
    return new ListenError(name, IN_USE, 'find the program that uses it with ss -ltnp')
  const isPrivileged = error.code === 'EACCES' && 'port' in address && address.port < 1024
  return new ListenError(name, isPrivileged ? `${reason}; ports below 1024 need privileges` : reason)
}

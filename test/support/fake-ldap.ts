import { createServer, type Server, type Socket } from 'node:net'
import { createSecureContext, createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls'
import { onTestFinished } from 'vitest'
import { messageLength, Reader } from '../../src/auth/providers/ldap/ber.js'

// A directory server whose responses a test determines, byte by byte.

export interface Request {
  readonly id: number
  readonly operation: 'bind' | 'unbind' | 'search' | 'extended' | 'other'
  /** Of a bind: the DN; of a search: the base. */
  readonly dn: string
  readonly password: string
  /** The whole message. */
  readonly bytes: Buffer
}

export interface Peer {
  readonly socket: Socket
  /** Switches to TLS. */
  secure(options: TlsOptions): void
}

export type Answer = Buffer | readonly Buffer[] | undefined
export type Handler = (request: Request, peer: Peer) => Answer | Promise<Answer>

export interface FakeLdap {
  readonly port: number
  readonly url: string
  /** All requests received. */
  readonly requests: Request[]
  /** The largest number of concurrent connections, and the total. */
  readonly most: number
  readonly connections: number
}

const OPERATIONS: Readonly<Record<number, Request['operation']>> = {
  96: 'bind',
  66: 'unbind',
  99: 'search',
  119: 'extended',
}

/** Starts a server, which is stopped after the test; with `tls`, for ldaps. */
export async function fakeLdap(handler: Handler, tls?: TlsOptions): Promise<FakeLdap> {
  const sockets = new Set<Socket>()
  const requests: Request[] = []
  let most = 0
  let connections = 0
  const serve = (socket: Socket) => {
    let received = Buffer.alloc(0)
    const peer: Peer = {
      socket,
      secure(options) {
        socket.removeAllListeners('data')
        serve(new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(options) }))
      },
    }
    socket.on('error', () => {})
    socket.on('data', async (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      for (;;) {
        const length = lengthOf(received)
        // Anything but LDAP, such as a TLS handshake, gets no response.
        if (length === 'malformed') return void socket.destroy()
        if (length === undefined || length > received.length) return
        const request = read(Buffer.from(received.subarray(0, length)))
        received = received.subarray(length)
        requests.push(request)
        const answer = await handler(request, peer)
        if (answer !== undefined && socket.writable) socket.write(Buffer.concat([answer].flat() as Buffer[]))
      }
    })
  }
  const accept = (socket: Socket) => {
    sockets.add(socket)
    connections++
    most = Math.max(most, sockets.size)
    socket.on('close', () => sockets.delete(socket))
    serve(socket)
  }
  const server: Server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return {
    port,
    url: `${tls === undefined ? 'ldap' : 'ldaps'}://127.0.0.1:${port}`,
    requests,
    get most() {
      return most
    },
    get connections() {
      return connections
    },
  }
}

function lengthOf(bytes: Buffer): number | undefined | 'malformed' {
  try {
    return messageLength(bytes, 1e6)
  } catch {
    return 'malformed'
  }
}

function read(bytes: Buffer): Request {
  const message = new Reader(bytes).enter(0x30)
  const id = message.integer(0x02)
  const tag = message.peek()
  const operation = OPERATIONS[tag] ?? 'other'
  if (operation === 'bind') {
    const body = message.enter(tag)
    body.integer(0x02)
    return { id, operation, dn: body.text(), password: body.bytes(body.peek()).toString(), bytes }
  }
  return { id, operation, dn: operation === 'search' ? message.enter(tag).text() : '', password: '', bytes }
}

export function tlv(tag: number, ...contents: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(contents.map((it) => Buffer.from(it as string)))
  const { length } = body
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), body])
}

const integer = (tag: number, value: number) =>
  tlv(tag, Buffer.from(value < 0x80 ? [value] : [value >> 8, value & 0xff]))

export const message = (id: number, ...parts: Buffer[]): Buffer => tlv(0x30, integer(0x02, id), ...parts)

const TAGS = { bind: 0x61, search: 0x65, extended: 0x78 } as const

export interface ResultOptions {
  readonly code?: number
  readonly diagnostic?: string
  readonly referrals?: readonly string[]
  readonly more?: readonly Buffer[]
  readonly controls?: Buffer
}

export function result(
  { id }: { readonly id: number },
  operation: keyof typeof TAGS,
  { code = 0, diagnostic = '', referrals, more = [], controls }: ResultOptions = {},
): Buffer {
  const list = referrals ? [tlv(0xa3, ...referrals.map((url) => tlv(0x04, url)))] : []
  const body = tlv(
    TAGS[operation],
    integer(0x0a, code),
    tlv(0x04, ''),
    tlv(0x04, diagnostic),
    ...list,
    ...more,
  )
  return message(id, body, ...(controls ? [tlv(0xa0, controls)] : []))
}

export function entry(
  { id }: { readonly id: number },
  dn: string,
  attributes: Readonly<Record<string, readonly string[]>>,
): Buffer {
  const list = Object.entries(attributes).map(([name, values]) =>
    tlv(0x30, tlv(0x04, name), tlv(0x31, ...values.map((value) => tlv(0x04, value)))),
  )
  return message(id, tlv(0x64, tlv(0x04, dn), tlv(0x30, ...list)))
}

export const reference = ({ id }: { readonly id: number }, url: string): Buffer =>
  message(id, tlv(0x73, tlv(0x04, url)))

/** A directory with one user, alice, whose password is `wonderland`; responses of `special` take precedence. */
export function wonderland(special: Handler = () => undefined): Handler {
  return async (request, peer) => {
    const answer = await special(request, peer)
    if (answer !== undefined) return answer
    const { operation, dn, password } = request
    if (operation === 'bind') {
      const good = dn === ALICE ? 'wonderland' : 'service'
      return result(request, 'bind', { code: password === good ? 0 : 49 })
    }
    if (operation === 'search') {
      const isForAlice = dn === PEOPLE && request.bytes.includes('alice')
      const found = isForAlice ? [entry(request, ALICE, { uid: ['alice'] })] : []
      return [...found, result(request, 'search')]
    }
    return undefined
  }
}

export const PEOPLE = 'ou=people,dc=example,dc=org'
export const ALICE = `uid=alice,${PEOPLE}`
/** Sends nothing: the handler responds itself, or never. */
export const NOTHING: readonly Buffer[] = []

import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { trimWhitespace } from '../http1/grammar.js'
import type { RequestHeaders } from './request-headers.js'

/** The other end of a connection: a client, or a proxy in front of the gate. */
export interface Peer {
  /** IP address; `unix:` for a connection through a Unix socket. */
  readonly address: string
  /** Whether it is a trusted proxy: its X-Forwarded-* headers are used. */
  readonly trusted: boolean
  readonly proto: 'http' | 'https'
  /** The client certificate, if one was requested and a trusted authority issued it. */
  readonly certificate?: X509Certificate | undefined
}

/** The client of one request, according to the connection and trusted headers. */
export interface Client {
  readonly address: string
  readonly proto: string
}

const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10'],
}

/** Proxies whose X-Forwarded-For, -Proto and -Host are trusted. */
export class TrustedProxies {
  readonly #list = new BlockList()

  /**
   * @param networks addresses, networks (`10.0.0.0/8`), `loopback` or `private`
   * @throws RangeError with the invalid network as its message
   */
  constructor(networks: readonly string[]) {
    for (const network of networks.flatMap((each) => NAMED[each] ?? each)) this.#add(network)
  }

  #add(network: string): void {
    const [address = '', prefix, more] = network.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    const bits = family === 'ipv4' ? 32 : 128
    const length = prefix === undefined ? bits : Number(prefix)
    const valid =
      more === undefined &&
      (isIPv4(address) || isIPv6(address)) &&
      /^\d*$/.test(prefix ?? '') &&
      prefix !== '' &&
      length <= bits
    if (!valid) throw new RangeError(network)
    this.#list.addSubnet(address, length, family)
  }

  get none(): boolean {
    return this.#list.rules.length === 0
  }

  has(address: string): boolean {
    if (isIPv4(address)) return this.#list.check(address, 'ipv4')
    return isIPv6(address) && this.#list.check(address, 'ipv6')
  }
}

/** A peer on a Unix socket is a proxy on this machine, always trusted: the socket's mode decides who may connect. */
export function peerOf(socket: Socket, trust: TrustedProxies): Peer {
  const proto = (socket as Partial<TLSSocket>).encrypted ? 'https' : 'http'
  const address = plain(socket.remoteAddress ?? '')
  const certificate = certificateOf(socket as Partial<TLSSocket>)
  if (address === '') return { address: 'unix:', trusted: true, proto, certificate }
  return { address, trusted: trust.has(address), proto, certificate }
}

const certificateOf = (socket: Partial<TLSSocket>): X509Certificate | undefined =>
  socket.authorized ? socket.getPeerX509Certificate?.() : undefined

/** Reads X-Forwarded-For from the right, up to the first that is not a trusted proxy's: anything left of it can be forged. */
export function clientOf(peer: Peer, headers: RequestHeaders, trust: TrustedProxies): Client {
  if (!peer.trusted) return peer
  const proto =
    headers.forwardedProto === 'https' || headers.forwardedProto === 'http'
      ? headers.forwardedProto
      : peer.proto
  const hops = headers.forwardedFor?.split(',').map((hop) => plain(trimWhitespace(hop))) ?? []
  let address = peer.address
  while (hops.length > 0) {
    const hop = hops.pop() as string
    if (!isIPv4(hop) && !isIPv6(hop)) break
    address = hop
    if (!trust.has(hop)) break
  }
  return { address, proto }
}

/** Removes `::ffff:`, which a dual-stack socket puts before IPv4 addresses. */
const plain = (address: string): string =>
  address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address

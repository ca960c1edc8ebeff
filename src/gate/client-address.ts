import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { RequestHeaders } from './request-headers.js'

/** The other end of a connection: a client, or a proxy in front of the gate. */
export interface Peer {
  /** IP address; `unix:` for a connection through a unix socket. */
  readonly address: string
  /** Whether what it says about its own client is trusted. */
  readonly trusted: boolean
  readonly proto: 'http' | 'https'
  /** The client's certificate, where one was asked for and an authority has issued it. */
  readonly certificate?: X509Certificate | undefined
}

/** The client of one request, as far as trusted headers tell. */
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
   * @throws RangeError whose message is the invalid one
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

/** The peer of a unix socket is a proxy on this machine; the mode of its file decides who may connect. */
export function peerOf(socket: Socket, trust: TrustedProxies): Peer {
  const proto = (socket as Partial<TLSSocket>).encrypted ? 'https' : 'http'
  const address = plain(socket.remoteAddress ?? '')
  const certificate = certificateOf(socket as Partial<TLSSocket>)
  if (address === '') return { address: 'unix:', trusted: true, proto, certificate }
  return { address, trusted: trust.has(address), proto, certificate }
}

const certificateOf = (socket: Partial<TLSSocket>): X509Certificate | undefined =>
  socket.authorized ? socket.getPeerX509Certificate?.() : undefined

/** The nearest address in X-Forwarded-For that is not a trusted proxy's: anyone can claim what stands left of it. */
export function clientOf(peer: Peer, headers: RequestHeaders, trust: TrustedProxies): Client {
  if (!peer.trusted) return peer
  const proto =
    headers.forwardedProto === 'https' || headers.forwardedProto === 'http'
      ? headers.forwardedProto
      : peer.proto
  const hops = headers.forwardedFor?.split(',').map((hop) => plain(hop.trim())) ?? []
  let address = peer.address
  while (hops.length > 0) {
    const hop = hops.pop() as string
    if (!isIPv4(hop) && !isIPv6(hop)) break
    address = hop
    if (!trust.has(hop)) break
  }
  return { address, proto }
}

/** An IPv4 address that a socket for both families shows as `::ffff:192.0.2.1`. */
const plain = (address: string): string =>
  address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address

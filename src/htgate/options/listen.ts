import { TrustedProxies } from '../../gate/client-address.js'
import { errors } from '../messages.js'
import { type Declaration, group, list, optional } from './declaration.js'
import { address, path, text } from './parsers.js'

/** Where clients connect. */
export const listen = group(
  'Listening',
  {
    listen: list(
      {
        short: '-l',
        argument: 'address',
        help: 'HOST:PORT, :PORT (all addresses), [IPV6]:PORT or unix:/PATH; repeatable',
        defaultText: 'sockets from systemd, or else 127.0.0.1:8080',
      },
      address,
    ),
    tlsCert: optional({ argument: 'path', help: 'certificate chain (PEM) for HTTPS' }, path),
    tlsKey: optional({ argument: 'path', help: 'private key (PEM) of the certificate' }, path),
    trustProxy: trustedProxies(),
  },
  ({ tlsCert, tlsKey }, named) => {
    if (tlsCert !== undefined && tlsKey === undefined) throw errors.needs(named('tlsCert'), '--tls-key')
    if (tlsKey !== undefined && tlsCert === undefined) throw errors.needs(named('tlsKey'), '--tls-cert')
  },
)

function trustedProxies(): Declaration<TrustedProxies> {
  const texts = {
    argument: 'networks',
    help: 'proxies whose X-Forwarded-For, -Proto and -Host headers are trusted: addresses, networks (10.0.0.0/8), loopback or private; repeatable. Peers on a Unix socket are always trusted',
    defaultText: 'none',
  }
  const { read, ...rest } = list(texts, text)
  return {
    ...rest,
    read(name, given) {
      try {
        return new TrustedProxies(read(name, given))
      } catch (error) {
        throw errors.badUrl(name, (error as Error).message, 'an address, a network, loopback or private')
      }
    },
  }
}

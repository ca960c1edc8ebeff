import { isIPv6 } from 'node:net'

/** Where a server listens. */
export type Address =
  | { readonly host: string | undefined; readonly port: number }
  | { readonly path: string }
  /** A socket that is already open, passed by systemd. */
  | { readonly fd: number }

/** `HOST:PORT`, `:PORT` or `*:PORT`, `[IPV6]:PORT`, `unix:/PATH`; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith('unix:'))
    return text.length > 'unix:'.length ? { path: text.slice('unix:'.length) } : undefined
  const [, bracketed, name, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65535) return undefined
  if (bracketed !== undefined && !isIPv6(bracketed)) return undefined
  return { host: bracketed ?? (name === '*' || name === '' ? undefined : name), port }
}

export function printAddress(address: Address): string {
  if ('path' in address) return `unix:${address.path}`
  if ('fd' in address) return `a socket from systemd (${address.fd})`
  const host = address.host ?? '*'
  return `${isIPv6(host) ? `[${host}]` : host}:${address.port}`
}

/** The sockets that systemd passes, as file descriptors starting at 3 (sd_listen_fds(3)). */
export function systemdSockets(env: NodeJS.ProcessEnv, pid: number): Address[] {
  if (env.LISTEN_PID !== String(pid)) return []
  return Array.from({ length: Number(env.LISTEN_FDS) || 0 }, (_, index) => ({ fd: 3 + index }))
}

import type { AuthEvent } from '../auth/events.js'
import { printable } from '../system/printable.js'
import { Exit, ExitStatus } from './exit-status.js'
import type { Settings } from './options/index.js'

// What the command itself says, on standard error: lower case, no full stop, what is wrong and what to do.

/** Where nobody reads standard error any more, nobody is told. */
process.stderr.on('error', () => {})

/** On standard error, each line with the command's name. */
export function say(text: string): void {
  process.stderr.write(text.replace(/^/gm, 'htgate: ').concat('\n'))
}

const usage = (message: string) => new Exit(ExitStatus.usage, `${message}\ntry 'htgate --help'`)
const failed = (message: string) => new Exit(ExitStatus.failed, message)

export const errors = {
  option: (message: string) => usage(message),
  badOption: (name: string, value: string, expected: string) =>
    usage(`${name}: '${value}' is not ${expected}`),
  badAddress: (name: string, port: string) =>
    usage(
      `${name}: '${port}' is not an address\nhint: ':${port}' listens on all addresses, '127.0.0.1:${port}' on this machine only`,
    ),
  missing: (name: string, what: string) => usage(`${name} is required: ${what}`),
  conflict: (a: string, b: string) => usage(`${a} and ${b} cannot be used together`),
  needs: (a: string, b: string) => usage(`${a} requires ${b}`),
  cannotRead: (name: string, path: string, why: string) => failed(`${name}: cannot read ${path}: ${why}`),
  passwordFile: (why: string, isMissing: boolean) =>
    failed(`--file: ${why}${isMissing ? '\nmake one with: htpasswd -cB -C 10 FILE USER' : ''}`),
  badCertificate: (path: string, why: string) => failed(`--tls-cert: ${path} is no certificate: ${why}`),
  badKey: (path: string, why: string) =>
    failed(`--tls-key: ${path} is no private key that can be used: ${why}`),
  keyMismatch: (cert: string, key: string) =>
    failed(`--tls-key: ${key} does not belong to the certificate in ${cert}`),
  badCa: (path: string, why: string) => failed(`--upstream-ca: ${path} holds no certificates: ${why}`),
  inUse: (address: string, command: string) =>
    failed(`cannot listen on ${address}: another program does already\nfind it with: ${command}`),
  inTheWay: (address: string) =>
    failed(`cannot listen on ${address}: what is there is no socket\ngive another path, or remove it`),
  cannotListen: (address: string, why: string) => failed(`cannot listen on ${address}: ${why}`),
  unexpected(error: unknown) {
    if (!(error instanceof Error)) return failed(`unexpected error: ${error}`)
    const detail = process.env.HTGATE_DEBUG ? error.stack : error.message
    return failed(`unexpected error: ${detail}\nhint: HTGATE_DEBUG=1 prints the stack`)
  },
}

type Loaded = Extract<AuthEvent, { type: 'loaded' }>

const TRUST =
  'without --trust-proxy, failed logins count for a proxy as a whole, and not for each of its clients'

/** Weak records that are named at the start, at most. */
const WEAK_NAMED = 3

/** What it tells an operator while all is well. */
export const notices = {
  /** What it guards, for whom, and how well. */
  guards({ file, upstream, trustProxy }: Settings, { users, weak }: Loaded): string {
    const what = upstream ? `guarding ${upstream.text}` : 'answering proxies (forward-auth)'
    const lines = [`${what} for ${users} user${users === 1 ? '' : 's'} of ${file}`]
    if (weak.count > 0) {
      const named = weak.first.slice(0, WEAK_NAMED)
      lines.push(`weak records: ${weak.count}; whoever gets hold of the file finds out these passwords`)
      for (const { line, user, reason } of named) lines.push(`  line ${line}, ${printable(user)}: ${reason}`)
      if (weak.count > named.length) lines.push(`  and ${weak.count - named.length} more`)
      lines.push(`see all with: htpasswd --audit ${file}`)
      lines.push(`set one anew with: htpasswd -B -C 10 ${file} USER`)
    }
    if (upstream === undefined && trustProxy.none) lines.push(TRUST)
    if (users === 0) lines.push('nobody can log in: add a user with: htpasswd -B -C 10 FILE USER')
    return lines.join('\n')
  },
  listening: (address: string, tls: boolean) => `listening on ${address} (${tls ? 'HTTPS' : 'HTTP'})`,
  mlflowHost:
    "MLflow does not know this Host: start it with --allowed-hosts and the gate's name, or the gate with --upstream-host localhost",
  mlflowOrigin:
    "MLflow does not accept this browser's Origin: start it with --cors-allowed-origins and the gate's URL",
  groupFile: (path: string, users: number) =>
    `${path}: groups of ${users} user${users === 1 ? '' : 's'} read`,
  groupFileUnreadable: (path: string, why: string) =>
    `${path}: ${why}; until it can be read again, roles by its groups are not known`,
  turnedAway: (failures: number, seconds: number) =>
    `${failures} failed logins of this client with this user within ${seconds} s: more are turned away for a while`,
  failedLogins: (count: number) => `${count} failed login${count === 1 ? '' : 's'} within the last minute`,
  cannotAccept: (why: string) => `cannot accept a connection: ${why}`,
  admin: (address: string) => `/healthz, /readyz and /metrics on ${address}`,
  workers: (count: number) => `${count} processes serve`,
  workerEnded: (how: string) => `a process that serves ended (${how}); another takes its place`,
  unknownVariables: (names: readonly string[]) =>
    `unknown variable${names.length === 1 ? '' : 's'} ${names.join(', ')} ignored\nhint: 'htgate --help' lists all options`,
  ending: (signal: string) => `${signal}: no new connections; ending when what has begun is done`,
  brokenOff: (seconds: number) => `what was not done after ${seconds} s was broken off`,
}

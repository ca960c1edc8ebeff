import type { AuthEvent } from '../auth/events.js'
import type { HtgateError } from '../errors.js'
import { debugHint, detailOf } from '../system/debug.js'
import { isErrno, reason } from '../system/errno.js'
import type { ListenError } from '../system/listen.js'
import { printable } from '../system/printable.js'
import { quotePath } from '../system/shell-quote.js'
import { withoutUserinfo } from '../system/without-userinfo.js'
import { Exit, ExitStatus } from './exit-status.js'

// All messages on standard error: lower case, no full stop, what is wrong, and a hint on what to do.

// If standard error is closed, messages are lost, but htgate keeps running.
process.stderr.on('error', () => {})

/** Writes to standard error, prefixing each line with `htgate: `. */
export function say(text: string): void {
  process.stderr.write(text.replace(/^/gm, 'htgate: ').concat('\n'))
}

/**
 * Writes to standard output. A reader that has gone, such as `head`, is no error.
 * @throws Exit
 */
export async function print(text: string): Promise<void> {
  let error: Error | undefined
  const onError = (reported: Error) => {
    error = reported
  }
  process.stdout.once('error', onError)
  process.stdout.write(text)
  await new Promise(setImmediate) // Standard output is written synchronously, but reports errors later.
  process.stdout.off('error', onError)
  if (error && !isErrno(error, 'EPIPE')) throw errors.cannotPrint(reason(error))
}

const usage = (message: string, command = 'htgate') =>
  new Exit(ExitStatus.usage, `${message}\ntry '${command} --help'`)
const failed = (message: string) => new Exit(ExitStatus.failed, message)

export const errors = {
  /** @param command default: `htgate` */
  option: (message: string, command?: string) => usage(message, command),
  /** @param meant what the user most likely meant */
  badOption: (name: string, value: string, expected: string, meant?: string) =>
    usage(`${name}: '${value}' is not ${expected}${didYouMean(meant)}`),
  /** For a value that may contain a password, which a suggestion made of it would contain as well. */
  badUrl(name: string, value: string, expected: string, meant?: string) {
    const shown = withoutUserinfo(value)
    return errors.badOption(name, shown, expected, shown === value ? meant : undefined)
  },
  badPort: (name: string, value: string) =>
    usage(`${name}: '${withoutUserinfo(value)}' is not an address: ports range from 0 to 65535`),
  badAddress: (name: string, port: string) =>
    usage(
      `${name}: '${port}' is not an address\nhint: ':${port}' listens on all addresses, '127.0.0.1:${port}' on this machine only`,
    ),
  missing: (name: string, what: string) => usage(`${name} is required: ${what}`),
  rehashTooCostly: (max: number) =>
    usage(`--rehash would write records that cost more than --max-hash-cost ${max} allows`),
  conflict: (a: string, b: string) => usage(`${a} and ${b} cannot be used together`),
  needs: (a: string, b: string) => usage(`${a} requires ${b}`),
  cannotRead: (name: string, path: string, why: string) => failed(`${name}: cannot read ${path}: ${why}`),
  passwordFile: (path: string, { message, code }: HtgateError) =>
    failed(`--file: ${message}${code === 'ERR_FILE_MISSING' ? `\nhint: ${creation(path)}` : ''}`),
  badCertificate: (path: string, why: string) =>
    failed(`--tls-cert: ${path} is not a valid certificate: ${why}`),
  badKey: (path: string, why: string) => failed(`--tls-key: ${path} is not a usable private key: ${why}`),
  keyMismatch: (cert: string, key: string) =>
    failed(`--tls-key: ${key} does not match the certificate in ${cert}`),
  badCa: (option: string, path: string, why: string) =>
    failed(`${option}: ${path} is not a valid certificate: ${why}`),
  cannotListen: ({ message, hint }: ListenError) =>
    failed(hint === undefined ? message : `${message}\nhint: ${hint}`),
  noPort: (program: string) =>
    usage(
      `no {port} among the arguments of ${program}\nhint: htgate chooses the port; write {port} where the command expects it, such as: mlflow server --port {port}`,
    ),
  command: (status: number, why: string, hint?: string) =>
    new Exit(status, hint === undefined ? why : `${why}\nhint: ${hint}`),
  cannotPrint: (why: string) => failed(`cannot write to standard output: ${why}`),
  unexpected(error: unknown) {
    const hint = debugHint()
    return failed(`unexpected error: ${detailOf(error)}${hint === undefined ? '' : `\nhint: ${hint}`}`)
  },
}

const didYouMean = (meant: string | undefined): string =>
  meant === undefined ? '' : `\nhint: did you mean '${meant}'?`

/** How to create a password file that only its owner can read. */
export const creation = (path: string): string =>
  `create it with (umask 077; htpasswd -cB -C 10 ${quotePath(path)} USER)`

/** The settings that the notice at the start mentions. */
interface Guarded {
  readonly file: string | undefined
  /** Undefined with --forward-auth. */
  readonly upstream: { readonly text: string } | undefined
  readonly trustProxy: { readonly none: boolean }
}

type Loaded = Extract<AuthEvent, { type: 'loaded' }>

const TRUST = 'without --trust-proxy, failed logins count against the proxy, not against each of its clients'

/** Most weak records to list at the start. */
const MAX_WEAK = 3

/** Messages that are not errors. */
export const notices = {
  rolesNeedTrust:
    'roles with --forward-auth require --trust-proxy: without it, htgate cannot tell which request the proxy asks about, and refuses them all',
  waiting: (program: string, seconds: number) => `waiting for ${program} to respond (${seconds} s)`,
  started: (program: string, port: number) => `${program} is responding on 127.0.0.1:${port}`,
  /** @param how `exited with status 3`, for example */
  commandExited: (program: string, how: string) => `${program} ${how}`,
  stoppingCommand: (program: string) => `waiting for ${program} to exit; a second Ctrl-C kills it`,
  killingCommand: (program: string, seconds: number) =>
    `${program} did not exit within ${seconds} s; killing it`,
  /** What is guarded, for how many users, and which of their records are weak. */
  guards({ file, upstream, trustProxy }: Guarded, { users, weak }: Loaded): string {
    const what = upstream ? `guarding ${upstream.text}` : 'serving forward-auth'
    const lines = [`${what} for ${users} user${users === 1 ? '' : 's'} in ${file}`]
    if (weak.count > 0) {
      const listed = weak.first.slice(0, MAX_WEAK)
      lines.push(`weak records: ${weak.count}; anyone who gets hold of the file can crack these passwords`)
      for (const { line, user, reason } of listed) lines.push(`  line ${line}, ${printable(user)}: ${reason}`)
      if (weak.count > listed.length) lines.push(`  and ${weak.count - listed.length} more`)
      lines.push(
        `hint: list all with htpasswd --audit ${quotePath(file ?? 'FILE')}, replace one with htpasswd -B -C 10 ${quotePath(file ?? 'FILE')} USER`,
      )
    }
    if (upstream === undefined && trustProxy.none) lines.push(TRUST)
    if (users === 0)
      lines.push(`no user can log in\nhint: add one with htpasswd -B -C 10 ${quotePath(file ?? 'FILE')} USER`)
    return lines.join('\n')
  },
  guardsDirectory: ({ upstream }: Pick<Guarded, 'upstream'>, url: string) =>
    `${upstream ? `guarding ${upstream.text}` : 'serving forward-auth'} for users of ${url}`,
  groupFile: (path: string, users: number) =>
    `${path}: groups for ${users} user${users === 1 ? '' : 's'} loaded`,
  groupFileUnreadable: (path: string, why: string) =>
    `cannot read ${path}: ${why}; roles that depend on its groups are unavailable until it can be read`,
  listening: (address: string, tls: boolean) => `listening on ${address} (${tls ? 'HTTPS' : 'HTTP'})`,
  cannotAccept: (why: string) => `cannot accept a connection: ${why}`,
  admin: (address: string) => `serving /healthz, /readyz and /metrics on ${address}`,
  workers: (count: number) => `${count} workers started`,
  workerExited: (how: string) => `worker exited (${how}); starting another`,
  /** @param meant the variables that the user most likely meant */
  unknownVariables: (names: readonly string[], meant: readonly string[]) =>
    `unknown variable${names.length === 1 ? '' : 's'} ${names.join(', ')} ignored\nhint: ${
      meant.length === 0 ? "'htgate --help' lists all options" : `did you mean ${meant.join(' and ')}?`
    }`,
  stopping: (cause: string) => `${cause}: no longer accepting connections, finishing requests in progress`,
  drainTimeout: (seconds: number, requests: number) =>
    `drain timeout (${seconds} s) reached, ${requests} request${requests === 1 ? '' : 's'} aborted`,
}

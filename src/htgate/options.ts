import { availableParallelism } from 'node:os'
import { Command, CommanderError, Option } from 'commander'
import { TrustedProxies } from '../gate/client-address.js'
import { FORMATS, type LogFormat } from '../operations/log.js'
import type { HashOptions } from '../password.js'
import { isHashScheme, parseAlgorithm } from '../schemes/algorithm.js'
import { schemeNamed, schemes } from '../schemes/index.js'
import { type Address, parseAddress } from '../system/address.js'
import { VERSION } from '../version.js'
import { errors } from './messages.js'

/** Where requests go, taken apart. */
export interface UpstreamUrl {
  /** Scheme, host and port. */
  readonly origin: string
  /** Comes before every path; empty, or starts with a slash and does not end with one. */
  readonly prefix: string
  /** Of a unix socket; the origin is then a name for it only. */
  readonly socketPath: string | undefined
}

/** What a command line and the environment ask for. Times are in milliseconds. */
export interface Settings {
  readonly file: string
  readonly realm: string
  /** Undefined where the gate answers proxies instead: forward-auth. */
  readonly upstream: UpstreamUrl | undefined
  /** As it was given, for messages. */
  readonly upstreamText: string | undefined
  readonly upstreamHost: string | undefined
  readonly upstreamCa: string | undefined
  readonly upstreamTimeout: number
  readonly listen: readonly Address[]
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
  readonly trust: TrustedProxies
  /** Failed logins of one client with one user within five minutes, until it is turned away; 0: never. */
  readonly loginFailures: number
  /** Processes that serve. */
  readonly workers: number
  readonly hashThreads: number
  readonly hashQueue: number | undefined
  readonly cacheSize: number
  readonly cacheTtl: number
  readonly rehash: HashOptions | undefined
  readonly admin: Address | undefined
  readonly log: LogFormat
  readonly drainTimeout: number
}

/** What to print instead of starting. */
export interface Text {
  readonly text: string
}

const EXAMPLES = `
Each option is also an environment variable: --tls-cert is HTGATE_TLS_CERT. Of one that may be given several times,
the variable holds all values, separated by spaces. The command line wins.

Signals: SIGTERM and SIGINT stop accepting, finish what has begun and end; a second one ends at once. SIGHUP reads the
password file and the certificate again.

Examples:
  htpasswd -cB -C 10 .htpasswd alice
  htgate --file .htpasswd --upstream http://127.0.0.1:5000 --listen 127.0.0.1:8080
  htgate --file .htpasswd --upstream http://127.0.0.1:5000 --listen :443 --tls-cert cert.pem --tls-key key.pem
  htgate --file .htpasswd --forward-auth --listen 127.0.0.1:9090 --trust-proxy loopback
`

/**
 * Reads a command line and the environment.
 * @throws Exit for one that makes no sense
 */
export function parse(args: readonly string[], env: NodeJS.ProcessEnv): Settings | Text {
  const command = commandLine()
  let text = ''
  command.configureOutput({
    writeOut: (part) => {
      text += part
    },
    writeErr() {},
  })
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { text }
    throw errors.option(error.message.replace(/^error: /, ''))
  }
  readEnvironment(command, env)
  return settings(command)
}

const variableOf = (flag: string): string => `HTGATE_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`

/** Kubernetes tells each container of its services like that, one by the name of htgate among them. */
const OF_KUBERNETES = /^HTGATE_(?:SERVICE|PORT)(?:_|$)/

/** Variables that look like options and are none: misspelt ones, most likely. */
export function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = new Set(commandLine().options.map(({ long }) => variableOf(long as string)))
  return Object.keys(env).filter(
    (name) => name.startsWith('HTGATE_') && !known.has(name) && !OF_KUBERNETES.test(name),
  )
}

/** What the command line leaves open. An empty variable is none. */
function readEnvironment(command: Command, env: NodeJS.ProcessEnv): void {
  for (const option of command.options) {
    const name = option.attributeName()
    const variable = variableOf(option.long as string)
    const text = env[variable]
    if (!text || name === 'version' || command.getOptionValueSource(name) === 'cli') continue
    command.setOptionValueWithSource(name, valueFrom(option, variable, text), 'env')
  }
}

function valueFrom(option: Option, variable: string, text: string): unknown {
  if (option.isBoolean()) {
    if (!/^(?:1|true|yes|0|false|no)$/i.test(text)) throw errors.badOption(variable, text, 'true or false')
    return /^[1ty]/i.test(text)
  }
  if (option.argChoices && !option.argChoices.includes(text)) {
    throw errors.badOption(variable, text, `one of ${option.argChoices.join(', ')}`)
  }
  return option.parseArg ? option.parseArg(text, undefined) : text
}

/** All options, with the texts of --help and of the manual page. */
export function commandLine(): Command {
  const several = (value: string, all: string[] = []) => [
    ...all,
    ...value.trim().split(/[\s,]+/), // One that is empty stays, to be complained of.
  ]
  const options = [
    new Option('-f, --file <path>', 'the password file, as htpasswd makes it'),
    new Option(
      '-u, --upstream <url>',
      'the server to guard: http://HOST:PORT, https://…, unix:/PATH; a path in it is put before every request’s',
    ),
    new Option(
      '--forward-auth',
      'guard no server, but answer proxies that ask: 200 with X-Forwarded-User, or 401 (nginx auth_request, Caddy forward_auth, Traefik ForwardAuth, Envoy ext_authz)',
    ),
    new Option(
      '-l, --listen <address>',
      'HOST:PORT, :PORT, [IPV6]:PORT or unix:/PATH; may be given several times',
    ).argParser(several),
    new Option('--realm <text>', 'what a browser shows when it asks for the password').default(
      'MLflow Login',
    ),
    new Option('--tls-cert <path>', 'certificate chain (PEM), to serve HTTPS'),
    new Option('--tls-key <path>', 'its private key (PEM)'),
    new Option('--upstream-host <name>', 'the Host header for the upstream, instead of the client’s'),
    new Option(
      '--upstream-ca <path>',
      'certificates (PEM) to trust for an https upstream, instead of the system’s',
    ),
    new Option('--upstream-timeout <seconds>', 'how long the upstream may take to start answering').default(
      '120',
    ),
    new Option(
      '--trust-proxy <networks>',
      'whose X-Forwarded-For, -Proto and -Host to believe: addresses, networks, loopback, private; may be given several times. Whoever comes through a unix socket is believed',
    ).argParser(several),
    new Option(
      '--login-failures <number>',
      'failed logins of one client with one user within 5 minutes, until it is turned away (429); 0: never, but its answers are slowed all the same',
    ).default('10'),
    new Option('--log <format>', 'lines on standard output').choices(FORMATS).default('json'),
    new Option(
      '--admin <address>',
      'serve /healthz, /readyz and /metrics (Prometheus) there; it knows no login',
    ),
    new Option('--workers <number>', 'processes that serve, to use more processors').default('1'),
    new Option(
      '--hash-threads <number>',
      'threads that hash passwords, in each process; default: one for each processor',
    ),
    new Option(
      '--hash-queue <number>',
      'passwords that may wait to be hashed, beyond which the answer is 503; default: 32 for each thread',
    ),
    new Option('--cache-size <number>', 'verified passwords that are remembered').default('10000'),
    new Option('--cache-ttl <seconds>', 'how long they are').default('3600'),
    new Option(
      '--rehash <scheme:n>',
      'at a login with a weaker record, replace it in the file by one of this scheme and cost, bcrypt:12 for one; htgate must be allowed to write the file',
    ),
    new Option('--drain-timeout <seconds>', 'how long SIGTERM waits for what has begun').default('30'),
  ]
  const command = new Command('htgate')
    .description(
      'Asks for a password (HTTP Basic) in front of a server that has no login of its own, such as MLflow.',
    )
    .version(`htgate ${VERSION}`, '--version', 'print the version')
    .helpOption('--help', 'print this text')
    .addHelpText('after', EXAMPLES)
    .exitOverride()
  for (const option of options) command.addOption(option)
  return command
}

function settings(command: Command): Settings {
  const given: Record<string, unknown> = command.opts()
  const attribute = (flag: string) => new Option(flag).attributeName()
  const text = (flag: string) => given[attribute(flag)] as string | undefined
  const list = (flag: string) => (given[attribute(flag)] ?? []) as string[]
  /** What the user wrote: the option or its variable. */
  const named = (flag: string) =>
    command.getOptionValueSource(attribute(flag)) === 'env' ? variableOf(flag) : flag
  const read = <T>(flag: string, reader: (name: string, text: string) => T) =>
    reader(named(flag), text(flag) as string)
  const maybe = <T>(flag: string, reader: (name: string, text: string) => T) =>
    text(flag) === undefined ? undefined : read(flag, reader)

  const file = text('--file')
  if (file === undefined) throw errors.missing('--file', 'which password file?')
  const upstream = maybe('--upstream', parseUpstream)
  if (upstream === undefined && !given.forwardAuth) {
    throw errors.missing('--upstream', 'which server is to be guarded? (or give --forward-auth)')
  }
  if (upstream !== undefined && given.forwardAuth) {
    throw errors.conflict(named('--upstream'), named('--forward-auth'))
  }
  const tlsCert = text('--tls-cert')
  const tlsKey = text('--tls-key')
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw errors.onlyTogether('--tls-cert', '--tls-key')
  const upstreamCa = text('--upstream-ca')
  if (upstreamCa !== undefined && !upstream?.origin.startsWith('https:')) {
    throw errors.needs(named('--upstream-ca'), 'an https upstream')
  }
  const workers = read('--workers', positive)
  return {
    file,
    realm: read('--realm', asciiText),
    upstream,
    upstreamText: text('--upstream'),
    upstreamHost: maybe('--upstream-host', hostName),
    upstreamCa,
    upstreamTimeout: read('--upstream-timeout', seconds),
    listen: list('--listen').map((each) => address(named('--listen'), each)),
    tlsCert,
    tlsKey,
    trust: trusted(named('--trust-proxy'), list('--trust-proxy')),
    loginFailures: read('--login-failures', count),
    workers,
    hashThreads:
      maybe('--hash-threads', positive) ?? Math.max(1, Math.floor(availableParallelism() / workers)),
    hashQueue: maybe('--hash-queue', count),
    cacheSize: read('--cache-size', count),
    cacheTtl: read('--cache-ttl', seconds),
    rehash: maybe('--rehash', hashOptions),
    admin: maybe('--admin', address),
    log: given.log as LogFormat,
    drainTimeout: read('--drain-timeout', seconds),
  }
}

function asciiText(name: string, text: string): string {
  if (!/^[\x20-\x7e]*$/.test(text)) throw errors.badOption(name, text, 'ASCII text')
  return text
}

function hostName(name: string, text: string): string {
  if (!/^[\x21-\x7e]+$/.test(text)) throw errors.badOption(name, text, 'a host name')
  return text
}

function hashOptions(name: string, text: string): HashOptions {
  const { scheme, work } = parseAlgorithm(text) ?? {}
  if (scheme && isHashScheme(scheme) && schemeNamed(scheme).strength === 'strong') {
    const factor = schemeNamed(scheme).work
    return { scheme, ...(factor && { [factor.name]: work }) }
  }
  const strong = schemes.filter(({ strength, hash }) => strength === 'strong' && hash)
  const ranges = strong.map(({ name, work }) => (work ? `${name}:${work.min} to ${work.max}` : name))
  throw errors.badOption(name, text, ranges.join(', '))
}

function parseUpstream(name: string, text: string): UpstreamUrl {
  const bad = () =>
    errors.badOption(
      name,
      text.replace(/\/\/[^/]*@/, '//…@'),
      'http://HOST:PORT, https://HOST:PORT or unix:/PATH',
    )
  if (text.startsWith('unix:/')) {
    return { origin: 'http://localhost', prefix: '', socketPath: text.slice('unix:'.length) }
  }
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw bad()
  const { origin, pathname, search, hash, username, password } = new URL(text)
  if (search || hash || username || password) throw bad()
  return { origin, prefix: pathname.replace(/\/+$/, ''), socketPath: undefined }
}

function address(name: string, text: string): Address {
  const parsed = parseAddress(text)
  if (parsed === undefined) throw errors.badOption(name, text, 'HOST:PORT, :PORT, [IPV6]:PORT or unix:/PATH')
  return parsed
}

function trusted(name: string, networks: readonly string[]): TrustedProxies {
  try {
    return new TrustedProxies(networks)
  } catch (error) {
    throw errors.badOption(name, (error as Error).message, 'an address, a network, loopback or private')
  }
}

function positive(name: string, text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw errors.badOption(name, text, 'a number from 1 to 999')
  return Number(text)
}

function count(name: string, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw errors.badOption(name, text, 'a whole number')
  return Number(text)
}

/** In milliseconds. */
function seconds(name: string, text: string): number {
  const value = Number(text)
  if (!/^\d+(?:\.\d+)?$/.test(text) || value > 86_400)
    throw errors.badOption(name, text, 'a number of seconds, up to a day')
  return Math.round(value * 1000)
}

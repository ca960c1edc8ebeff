import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { PORT_PLACEHOLDER } from '../processes/guarded-command.js'
import { DEBUG_VARIABLE } from '../system/debug.js'
import { wrap } from '../system/wrap.js'
import { VERSION } from '../version.js'
import { upstreamAt } from './guard-command.js'
import { errors } from './messages.js'
import { type Declaration, flagOf, type Group, variableOf } from './options/declaration.js'
import { GROUPS, OPTIONS, type OptionText, type Settings, SHELLS } from './options/index.js'
import { closest } from './suggestions.js'
import { oneOfText, syntaxError } from './syntax-error.js'

/** A text to print instead of starting. */
export interface Text {
  readonly text: string
}

/**
 * Reads a command line and the environment.
 * @throws Exit for an invalid one
 */
export function parse(args: readonly string[], env: NodeJS.ProcessEnv): Settings | Text {
  const end = args.indexOf('--')
  const given = readArguments(end === -1 ? args : args.slice(0, end))
  if ('text' in given) return given
  const settings: Record<string, unknown> = {}
  const named = (key: string) =>
    given.texts.has(key) || !env[variableOf(key)] ? flagOf(key) : variableOf(key)
  for (const [key, option] of DECLARATIONS) {
    const variable = env[variableOf(key)]
    // An empty variable counts as unset.
    const texts = given.texts.get(key) ?? (variable ? [fromVariable(key, option, variable)] : [])
    settings[key] = option.read(named(key), texts)
  }
  settings.check = given.check
  settings.order = [...new Set([...given.texts.keys(), ...DECLARATIONS.map(([key]) => key)])]
  if (end !== -1) guardCommand(settings, args.slice(end + 1), named)
  const complete = settings as unknown as Settings
  const ways = [complete.file, complete.ldapUrl, complete.oidcIssuer, complete.oidcTrust[0]]
  if ([...ways, complete.tokenFile, complete.clientCa].every((way) => way === undefined)) {
    throw errors.missing('--file, --ldap-url, --oidc-issuer or --token-file', 'a way to log in')
  }
  if (complete.clientCa !== undefined && complete.tlsCert === undefined) {
    throw errors.needs(named('clientCa'), named('tlsCert'))
  }
  for (const group of GROUPS) (group as Group).check?.(settings, named)
  return complete
}

/** Makes the command after `--` the upstream. Its port is known only once it has started. */
function guardCommand(
  settings: Record<string, unknown>,
  command: readonly string[],
  named: (key: string) => string,
): void {
  if (!command[0]) throw errors.missing('a command after --', 'the server to start and guard')
  if (!command.slice(1).some((part) => part.includes(PORT_PLACEHOLDER))) throw errors.noPort(command[0])
  for (const other of ['upstream', 'upstreamCa', 'forwardAuth']) {
    if (settings[other]) throw errors.conflict(named(other), 'a command after --')
  }
  settings.command = command
  settings.upstream = upstreamAt(0, command)
}

const DECLARATIONS: readonly (readonly [string, Declaration])[] = GROUPS.flatMap(({ options }) =>
  Object.entries<Declaration>(options),
)

/** Normalizes the value of a switch to `true` or `false`, so that declarations need not know the other spellings. */
function fromVariable(key: string, option: Declaration, text: string): string {
  if (option.argument !== undefined) return text
  if (!/^(?:1|true|yes|0|false|no)$/i.test(text))
    throw errors.badOption(variableOf(key), text, 'true or false')
  return String(/^[1ty]/i.test(text))
}

interface Given {
  readonly texts: Map<string, string[]>
  readonly check: Settings['check']
}

/** The values on the command line by option, or a text to print instead. */
function readArguments(args: readonly string[]): Given | Text {
  const texts = new Map<string, string[]>()
  const command = new Command('htgate')
    .helpOption(false)
    .exitOverride()
    .configureOutput({ writeErr() {} })
  const collect = (key: string) => (value: string) => {
    texts.set(key, [...(texts.get(key) ?? []), value])
    return value
  }
  for (const [key, { short, argument }] of DECLARATIONS) {
    const flags = `${short ? `${short}, ` : ''}${flagOf(key)}`
    if (argument === undefined) command.on(`option:${flagOf(key).slice(2)}`, () => texts.set(key, ['true']))
    const option = new Option(argument === undefined ? flags : `${flags} <${argument}>`)
    command.addOption(argument === undefined ? option : option.argParser(collect(key)))
  }
  command.option('-h, --help').option('-V, --version').option('-v')
  command.option('--check').option('--user <name>')
  command.option('--completion <shell>')
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    throw syntaxError(error, command, 'htgate')
  }
  const { help, version, v, completion, check, user } = command.opts()
  if (help) return { text: helpText(process.stdout.columns || 80) }
  if (version || v) return { text: `htgate ${VERSION}\n` }
  if (completion !== undefined) {
    if (!SHELLS.includes(completion)) throw errors.badOption('--completion', completion, oneOfText(SHELLS))
    return { text: readFileSync(join(import.meta.dirname, '../completions', completion), 'utf8') }
  }
  if (user !== undefined && !check) throw errors.needs('--user', '--check')
  return { texts, check: check ? { user } : undefined }
}

/** Variables that Kubernetes sets in every container of a namespace with a service called htgate. */
const OF_KUBERNETES = /^HTGATE_(?:SERVICE|PORT)(?:_|$)/

/** Variables that look like options but are not: probably typos. */
export function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = new Set([DEBUG_VARIABLE, ...OPTIONS.map(({ variable }) => variable)])
  return Object.keys(env).filter(
    (name) => name.startsWith('HTGATE_') && !known.has(name) && !OF_KUBERNETES.test(name),
  )
}

/** The known variables that unknown ones are most likely misspellings of. */
export function variablesMeant(unknown: readonly string[]): string[] {
  // Without the prefix, which would make them all look similar.
  const rest = (name: string) => name.slice('HTGATE_'.length)
  const known = OPTIONS.flatMap(({ variable }) => (variable === undefined ? [] : [rest(variable)]))
  const meant = new Set(unknown.flatMap((name) => closest(rest(name), known) ?? []))
  return [...meant].map((name) => `HTGATE_${name}`)
}

const INTRODUCTION =
  'Puts a login in front of a server without one, such as MLflow: a reverse proxy that authenticates users, or a forward-auth endpoint for other proxies.'

const PARAGRAPHS = [
  'Each option is also an environment variable: --tls-cert is HTGATE_TLS_CERT. Separate several values of a repeatable option by spaces. The command line takes precedence.',
  'htgate starts a command after -- and guards it, with {port} replaced by a free port on 127.0.0.1. When the command exits, htgate exits with the same status. When htgate is stopped, it stops the command last.',
  'On SIGTERM or SIGINT, htgate stops accepting connections, finishes the requests in progress and exits; a second signal makes it exit at once. On SIGHUP, it reloads its files, such as the password file and the certificate.',
]

const EXAMPLES = [
  '(umask 077; htpasswd -cB -C 10 .htpasswd alice)',
  'htgate --file .htpasswd --listen :8080 -- mlflow server --port {port}',
  'htgate --file .htpasswd --upstream http://127.0.0.1:5000 --listen :8080',
  'htgate --file .htpasswd --upstream http://127.0.0.1:5000 --listen :443 --tls-cert cert.pem --tls-key key.pem',
  'htgate --file .htpasswd --forward-auth --listen 127.0.0.1:9090 --trust-proxy loopback',
]

const NARROWEST = 40
const WIDEST = 120

/** The output of --help on a terminal `columns` wide. */
export function helpText(columns: number): string {
  const width = Math.min(WIDEST, Math.max(NARROWEST, columns))
  const terms = OPTIONS.map((option) => [option, termOf(option)] as const)
  const longest = Math.max(...terms.map(([, term]) => term.length))
  // Descriptions go beside the options if there is room, else below them.
  const column = longest + 4 <= width / 2 ? longest + 4 : 8
  const lines = [
    'Usage: htgate [options] [-- command]',
    '       htgate token create|list|revoke',
    '',
    ...wrap(INTRODUCTION, width, 0),
  ]
  let heading = ''
  for (const [option, term] of terms) {
    if (option.group !== heading) lines.push('', `${option.group}:`)
    heading = option.group
    const [first = '', ...rest] = wrap(describe(option), width, column)
    if (term.length + 4 <= column) lines.push(`  ${term}`.padEnd(column) + first.trimStart(), ...rest)
    else lines.push(`  ${term}`, first, ...rest)
  }
  for (const paragraph of PARAGRAPHS) lines.push('', ...wrap(paragraph, width, 0))
  lines.push('', 'Examples:')
  for (const example of EXAMPLES) lines.push(...wrapCommand(example, width))
  return `${lines.join('\n')}\n`
}

function termOf({ flags, argument }: OptionText): string {
  const aligned = flags.startsWith('--') ? `    ${flags}` : flags
  return argument === undefined ? aligned : `${aligned} <${argument}>`
}

function describe({ help, choices, defaultText }: OptionText): string {
  const values = choices === undefined ? '' : `: ${choices.join(', ')}`
  const standard = defaultText === undefined ? '' : ` (default: ${defaultText})`
  return `${help}${values}${standard}`
}

/** A command line wrapped between options, in the form that a shell accepts. */
function wrapCommand(command: string, width: number): string[] {
  const lines: string[] = []
  let line = ' '
  for (const part of command.split(/ (?=-)/)) {
    if (line.length + 1 + part.length + ' \\'.length > width && line.trim() !== '') {
      lines.push(`${line} \\`)
      line = '     '
    }
    line += ` ${part}`
  }
  return [...lines, line]
}

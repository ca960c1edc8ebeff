import { Command, CommanderError } from 'commander'
import { isRole } from '../auth/principal.js'
import { dayText, idOf, secondText, type TokenRecord } from '../auth/providers/tokens/records.js'
import { skippedText } from '../auth/providers/tokens/table.js'
import { createToken, readTable, revokeTokens } from '../auth/providers/tokens/token-file.js'
import { reason } from '../system/errno.js'
import { Exit, ExitStatus } from './exit-status.js'
import { errors, print, say } from './messages.js'
import { syntaxError } from './syntax-error.js'

// htgate token create | list | revoke: manages the token file from a shell.

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 }
const LONGEST_DAYS = 3660

const EXAMPLES = `
The token file can also be given as HTGATE_TOKEN_FILE.

Examples:
  htgate token create --user ci --role write --expires 90d --token-file /var/lib/htgate/tokens
  htgate token list --token-file /var/lib/htgate/tokens
  htgate token revoke 3f9a0c61d2b47e58 --token-file /var/lib/htgate/tokens
`

interface Options {
  readonly tokenFile?: string
  readonly user?: string
  readonly role?: string
  readonly expires?: string
  readonly name?: string
  readonly json?: boolean
  readonly expired?: boolean
}

/**
 * Runs `htgate token …`.
 * @throws Exit
 */
export async function token(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ExitStatus> {
  let text = ''
  let run: (() => Promise<void>) | undefined
  const program = new Command('htgate token')
    .description(
      'Creates, lists and revokes tokens: logins for programs, sent as Bearer or as a Basic password.',
    )
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', EXAMPLES)
  const add = (name: string, about: string) => {
    return program
      .command(name)
      .description(about)
      .option('-t, --token-file <path>', 'token file')
      .helpOption('-h, --help', 'print this help')
  }
  add('create', 'create a token and print it; it cannot be shown again')
    .option('-u, --user <name>', 'owner of the token')
    .option('-r, --role <role>', 'highest role of the token: read, write or admin')
    .option('-e, --expires <time>', 'lifetime, such as 12h or 90d, or never', '90d')
    .option('-n, --name <text>', 'description of the token', '')
    .action((options: Options) => {
      run = () => create(fileOf(options, env), options)
    })
  add('list', 'list tokens, without their secrets, which are not stored')
    .option('-u, --user <name>', 'list only tokens of this user')
    .option('--json', 'print JSON')
    .action((options: Options) => {
      run = () => list(fileOf(options, env), options)
    })
  add('revoke', 'revoke tokens; a running htgate rejects them within a second')
    .argument('[id...]', 'tokens to revoke, as shown by list')
    .option('-u, --user <name>', 'revoke all tokens of this user; with IDs, only those of this user')
    .option('--expired', 'revoke all expired tokens')
    .action((ids: string[], options: Options) => {
      run = () => revoke(fileOf(options, env), ids, options)
    })
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (part) => {
        text += part
      },
      writeErr() {},
    })
  }
  try {
    program.parse(args.length === 0 ? ['--help'] : [...args], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) {
      await print(text)
      return ExitStatus.ok
    }
    const command = program.commands.find((each) => each.name() === args[0]) ?? program
    throw syntaxError(error, command, 'htgate token')
  }
  await run?.()
  return ExitStatus.ok
}

async function create(file: string, { user, role, expires = '', name }: Options): Promise<void> {
  if (user === undefined) throw usage('--user is required: the owner of the token')
  if (role === undefined) throw usage('--role is required: read, write or admin')
  if (!isRole(role)) throw usage(`--role: '${role}' is not read, write or admin`)
  const until = expiryOf(expires)
  try {
    const { token, record } = await createToken(file, { user, role, expires: until, name })
    await print(`${token}\n`)
    const end = record.expires === undefined ? 'never expires' : `expires ${secondText(record.expires)}`
    say(`token ${idOf(record)} for ${user}: ${role}, ${end}; it cannot be shown again`)
  } catch (error) {
    if (error instanceof RangeError) throw usage(error.message)
    throw cannot('write', file, error)
  }
}

async function list(file: string, { user, json }: Options): Promise<void> {
  const tokens = await readTable(file).catch((error) => {
    throw cannot('read', file, error)
  })
  if (tokens.skipped.count > 0) say(skippedText(file, tokens.skipped))
  const records = await tokens.list(user)
  await print(json ? `${JSON.stringify(records.map(plainOf), null, 2)}\n` : tableOf(records))
}

async function revoke(file: string, ids: readonly string[], { user, expired }: Options): Promise<void> {
  if (ids.length === 0 && user === undefined && !expired) {
    throw usage('IDs, --user or --expired is required: the tokens to revoke')
  }
  const now = Date.now()
  const wanted = new Set(ids)
  const revoked = await revokeTokens(file, (record) => {
    if (user !== undefined && record.user !== user) return false
    if (expired && !(record.expires !== undefined && record.expires <= now)) return false
    return wanted.size === 0 || wanted.has(idOf(record)) || wanted.has(record.digest)
  }).catch((error) => {
    throw cannot('write', file, error)
  })
  for (const record of revoked) {
    wanted.delete(idOf(record))
    wanted.delete(record.digest)
  }
  say(`${revoked.length} token${revoked.length === 1 ? '' : 's'} revoked`)
  const [missing] = wanted
  if (missing !== undefined) {
    throw new Exit(ExitStatus.failed, `no token ${missing} in ${file}\nhint: htgate token list shows all`)
  }
}

function fileOf({ tokenFile }: Options, env: NodeJS.ProcessEnv): string {
  const file = tokenFile || env.HTGATE_TOKEN_FILE
  if (!file) throw usage('--token-file is required')
  return file
}

/** When a token expires, in milliseconds since 1970; undefined for never. @throws Exit for an invalid lifetime */
function expiryOf(text: string): number | undefined {
  if (text === 'never') return undefined
  const [, number, unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text) ?? []
  const ms = Number(number) * (UNITS[unit] ?? Number.NaN)
  if (ms > 0 && ms <= LONGEST_DAYS * 86_400_000) return Date.now() + ms
  throw usage(`--expires: '${text}' is not a time such as 12h, 90d or never (at most ${LONGEST_DAYS}d)`)
}

const plainOf = (record: TokenRecord) => ({
  id: idOf(record),
  user: record.user,
  role: record.role,
  created: secondText(record.created),
  expires: record.expires === undefined ? null : secondText(record.expires),
  lastUsed: record.used === undefined ? null : dayText(record.used),
  account: record.account ?? null,
  name: record.name,
})

function tableOf(records: readonly TokenRecord[]): string {
  const rows = [['ID', 'USER', 'ROLE', 'CREATED', 'EXPIRES', 'LAST USED', 'NAME']]
  for (const record of records) {
    const { user, role, created, expires, used, name } = record
    const end = expires === undefined ? 'never' : dayText(expires)
    const last = used === undefined ? 'never' : dayText(used)
    rows.push([idOf(record), user, role, dayText(created), end, last, name])
  }
  const widths = (rows[0] as string[]).map((_, i) =>
    Math.max(...rows.map((row) => (row[i] as string).length)),
  )
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] as number))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

const usage = (message: string) => errors.option(message, 'htgate token')

function cannot(verb: string, file: string, error: unknown): Exit {
  if (error instanceof Exit) return error
  return new Exit(ExitStatus.failed, `cannot ${verb} ${file}: ${reason(error as Error)}`)
}

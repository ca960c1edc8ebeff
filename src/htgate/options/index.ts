import { authorization } from './authorization.js'
import { flagOf, type Values, variableOf } from './declaration.js'
import { ldap } from './ldap.js'
import { listen } from './listen.js'
import { hashing, login } from './login.js'
import { certificates, oidc, tokens } from './oidc.js'
import { operations } from './operations.js'
import { upstream } from './upstream.js'

/** All options, in the order of --help. To add a group: a file that declares it, and two lines here. */
export const GROUPS = [
  login,
  ldap,
  oidc,
  tokens,
  certificates,
  hashing,
  authorization,
  upstream,
  listen,
  operations,
] as const

/** The values of all options. Times are in milliseconds. */
export type Settings = Values<typeof login.options> &
  Values<typeof ldap.options> &
  Values<typeof oidc.options> &
  Values<typeof tokens.options> &
  Values<typeof certificates.options> &
  Values<typeof hashing.options> &
  Values<typeof authorization.options> &
  Values<typeof upstream.options> &
  Values<typeof listen.options> &
  Values<typeof operations.options> & {
    /** All option keys: those on the command line first, in its order. It is also the order of providers in the chain. */
    readonly order: readonly string[]
    /** Set by --check: test everything and serve nothing. With `user`, test that user's login too. */
    readonly check: { readonly user: string | undefined } | undefined
    /** The server to start and guard, with its arguments; `upstream` then points to it. */
    readonly command?: readonly string[]
  }

/** An option as --help, the manual page, docs/options.md and the completions describe it. */
export interface OptionText {
  readonly group: string
  /** `-u, --upstream` */
  readonly flags: string
  readonly flag: string
  readonly variable: string | undefined
  readonly argument: string | undefined
  readonly help: string
  readonly defaultText: string | undefined
  readonly choices: readonly string[] | undefined
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const

const GENERAL = 'General'
const general = (flags: string, help: string, more: Partial<OptionText> = {}): OptionText => ({
  group: GENERAL,
  flags,
  flag: flags.replace(/^.*, /, ''),
  variable: undefined,
  argument: undefined,
  help,
  defaultText: undefined,
  choices: undefined,
  ...more,
})

/** All options, including those that print something and exit. */
export const OPTIONS: readonly OptionText[] = [
  ...GROUPS.flatMap(({ heading, options }) =>
    Object.entries(options).map(([key, { short, argument, help, defaultText, choices }]): OptionText => {
      const flag = flagOf(key)
      return {
        group: heading,
        flags: short === undefined ? flag : `${short}, ${flag}`,
        flag,
        variable: variableOf(key),
        argument,
        help,
        defaultText,
        choices,
      }
    }),
  ),
  general(
    '--check',
    'test the whole configuration, report what works and what does not, and exit with 0 or 1',
  ),
  general(
    '--user',
    'with --check: ask for this user’s password, log in, and show the user’s provider, groups and role',
    {
      argument: 'name',
    },
  ),
  general('--completion', 'print completions for a shell', { argument: 'shell', choices: SHELLS }),
  general('-h, --help', 'print this help'),
  general('-V, --version', 'print the version'),
]

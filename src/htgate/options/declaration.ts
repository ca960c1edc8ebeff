// An option is declared once. Its flag, its environment variable, --help, the manual page, docs/options.md, the
// completions and the check for unknown variables all derive from the declaration.

/** One option, named by the key it is declared under: `tlsCert` is `--tls-cert` and `HTGATE_TLS_CERT`. */
export interface Declaration<T = unknown> {
  /** The short flag, such as `-u`. */
  readonly short?: string | undefined
  /** Placeholder for the value in --help, such as `url`; absent for a switch. */
  readonly argument?: string | undefined
  /** What it does: a phrase in lower case, no full stop. */
  readonly help: string
  /** The default as the documentation prints it. */
  readonly defaultText?: string | undefined
  /** Whether it may be given several times. */
  readonly repeatable: boolean
  /** The allowed values; undefined allows any. */
  readonly choices?: readonly string[] | undefined
  /**
   * Parses the value. `texts` is empty if the option is not given.
   *
   * @param name the flag or variable that the texts come from, for messages
   * @throws Exit
   */
  read(name: string, texts: readonly string[]): T
}

/** Parses the text of an option. @throws Exit whose message starts with `name` */
export type Parser<T> = (name: string, text: string) => T

interface Texts {
  readonly short?: string
  readonly argument: string
  readonly help: string
  readonly choices?: readonly string[]
}

/** An option that is undefined unless given. `defaultText` says what that means. */
export function optional<T>(
  texts: Texts & { readonly defaultText?: string },
  parse: Parser<T>,
): Declaration<T | undefined> {
  return {
    ...texts,
    repeatable: false,
    read(name, given) {
      const text = given.at(-1)
      return text === undefined ? undefined : parse(name, text)
    },
  }
}

/** An option with a default, written as a user would write it. `unit` is for the documentation. */
export function withDefault<T>(
  { default: standard, unit, ...texts }: Texts & { readonly default: string; readonly unit?: string },
  parse: Parser<T>,
): Declaration<T> {
  return {
    ...texts,
    defaultText: unit === undefined ? standard : `${standard} ${unit}`,
    repeatable: false,
    read: (name, given) => parse(name, given.at(-1) ?? standard),
  }
}

/** A repeatable option; one text may hold several values, separated by spaces or commas. */
export function list<T>(
  texts: Texts & { readonly defaultText?: string },
  parse: Parser<T>,
): Declaration<readonly T[]> {
  return {
    ...texts,
    repeatable: true,
    // An empty text still yields one value, so that the parser can reject it.
    read: (name, given) =>
      given.flatMap((text) => text.trim().split(/[\s,]+/)).map((each) => parse(name, each)),
  }
}

/** An option without a value. Its variable is `true` or `false`. */
export function toggle(help: string): Declaration<boolean> {
  return { help, repeatable: false, read: (_, given) => given.at(-1) === 'true' }
}

// biome-ignore lint/suspicious/noExplicitAny: the values differ from option to option
export type Declarations = Readonly<Record<string, Declaration<any>>>

/** The parsed values, under the keys of their declarations. */
export type Values<D extends Declarations> = { readonly [K in keyof D]: ReturnType<D[K]['read']> }

/** Options that belong together in --help. */
export interface Group<D extends Declarations = Declarations> {
  readonly heading: string
  readonly options: D
  /**
   * Rejects contradictory values.
   *
   * @param named the name the user gave an option by: its flag or its variable
   * @throws Exit
   */
  readonly check?: ((values: Values<D>, named: (key: keyof D & string) => string) => void) | undefined
}

export const group = <D extends Declarations>(
  heading: string,
  options: D,
  check?: Group<D>['check'],
): Group<D> => ({ heading, options, check })

/** `tlsCert` → `--tls-cert` */
export const flagOf = (key: string): string =>
  `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** `tlsCert` → `HTGATE_TLS_CERT` */
export const variableOf = (key: string): string =>
  `HTGATE_${flagOf(key).slice(2).replaceAll('-', '_').toUpperCase()}`
